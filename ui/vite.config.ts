import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

/** The engine that the development server passes requests on to. */
const engine = process.env.ORRERY_URL ?? 'http://127.0.0.1:4040';

/** Paths are relative so that one bundle serves the window and a browser behind any prefix. */
export default defineConfig({
  base: './',
  plugins: [svelte(), svelteTesting()],
  clearScreen: false,
  server: { port: 5173, strictPort: true, host: '127.0.0.1', proxy: { '/api': { target: engine, ws: true }, '/apis': { target: engine } } },
  build: {
    // The oldest engine that shows the window is WebKitGTK 2.44.
    target: ['safari17', 'chrome120'],
    sourcemap: false,
    rolldownOptions: { checks: { pluginTimings: false } },
    // In kB. All of it comes from this machine, and the one chunk beyond this holds icons that are fetched when a report names one.
    chunkSizeWarningLimit: 1_200,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 40_000,
    hookTimeout: 40_000,
  },
});
