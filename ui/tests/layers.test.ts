import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = join(process.cwd(), 'src');

function files(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return files(path);
    return /\.(ts|svelte)$/.test(entry.name) ? [path] : [];
  });
}

const sources = files(SOURCE).map((path) => ({ path: path.slice(SOURCE.length + 1), text: readFileSync(path, 'utf8') }));

test('the host is reached through the backend alone', () => {
  const outside = sources.filter(({ path, text }) => !path.startsWith('backend/') && /['"]@tauri-apps\//.test(text));
  expect(outside.map(({ path }) => path)).toEqual([]);
  expect(sources.some(({ path }) => path === 'backend/tauri.ts')).toBe(true);
});

test('the map and the charts know nothing of the window around them', () => {
  const drawing = sources.filter(({ path }) => /^(scene|charts|icons)\//.test(path) && !/\/tests?\/|\/dev\//.test(path));
  const reaching = drawing.filter(({ text }) => /from ['"][^'"]*\/(parts|pages|backend)\//.test(text));
  expect(reaching.map(({ path }) => path)).toEqual([]);
});

test('nothing is left behind for looking around', () => {
  const left = sources.filter(({ path, text }) => !path.includes('/dev/') && /\bdebugger\b|console\.log\(/.test(text));
  expect(left.map(({ path }) => path)).toEqual([]);
});
