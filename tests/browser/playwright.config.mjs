// The whole interface in Debian's Chromium, against a real `orrery serve`. Nothing is downloaded.
// One test at a time on one engine; patience for a machine that does other things too.

import { pageArguments } from './lib/pages.mjs';
import { join, resolve } from 'node:path';
import { defineConfig } from '@playwright/test';

const root = resolve(import.meta.dirname, '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');

export default defineConfig({
  testMatch: '*.spec.mjs',
  outputDir: join(target, 'browser-results'),
  reporter: 'list',
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 40_000 },
  use: {
    viewport: { width: 1440, height: 900 },
    actionTimeout: 40_000,
    navigationTimeout: 60_000,
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.ORRERY_TEST_CHROMIUM ?? '/usr/bin/chromium',
      // Chromium's own sandbox does not work for root, nor in most containers.
      // Pages that stand in (ORRERY_TEST_UI) come from nowhere, and are to reach the engine all the same.
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...pageArguments],
    },
  },
});
