// Two moments on one map: what came, what went, and the same as a file; and the map itself as a picture.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, test } from './lib/test.mjs';

const VIEW = '#/view/processes?o=processes.unconnected~show';
/** Whole pictures are kept ten seconds apart: later than this after something changed, one of them has it. */
const KEPT_MS = 12_000;

/** Waits until history has whole pictures of a moment, and gives that moment. */
async function recorded(page) {
  let moment = 0;
  const now = Date.now();
  const from = () => page.evaluate(async () => (await fetch('api/status')).json().then((status) => status.history_from_ms));
  await expect.poll(async () => ((await from()) !== null && Date.now() > Math.max(now, await from()) + KEPT_MS ? (moment = Date.now() - 500) : 0), { timeout: 90_000 }).toBeGreaterThan(0);
  return moment;
}

async function saved(page, press) {
  const download = page.waitForEvent('download');
  await press();
  return readFile(await (await download).path());
}

test('what came and what went between two moments is seen, opened and saved', async ({ come }) => {
  test.setTimeout(240_000);
  const page = await come(VIEW);
  const before = await recorded(page);
  const visitor = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { argv0: 'compare-visitor', stdio: 'ignore' });
  try {
    await page.goto(`/${VIEW}&base=${before}`);
    await expect(page.getByTestId('change-added').filter({ hasText: 'compare-visitor' })).toBeVisible({ timeout: 60_000 });
    await expect(page.getByTestId('moment-bar')).toContainText('now');
    const list = await saved(page, async () => {
      await page.getByTestId('changes-export').click();
      await page.getByTestId('changes-csv').click();
    });
    expect(list.toString()).toMatch(/added,process,compare-visitor/);
    const document = JSON.parse(
      await saved(page, async () => {
        await page.getByTestId('changes-export').click();
        await page.getByTestId('changes-json').click();
      }),
    );
    expect(document.nodes.find(({ name }) => name === 'compare-visitor')).toMatchObject({ change: 'added', kind: 'process' });
    const there = await recorded(page);
    visitor.kill();
    await page.goto(`/${VIEW}&base=${there}`);
    const gone = page.getByTestId('change-gone').filter({ hasText: 'compare-visitor' });
    await expect(gone).toBeVisible({ timeout: 60_000 });
    // It stands on the map as it was, and so does its card.
    await gone.click();
    await expect(page.getByTestId('card-title')).toHaveText('compare-visitor');
    await page.keyboard.press('Escape');
    await expect(page.getByTestId('changes')).toBeVisible();
    await page.getByTestId('compare-swap').click();
    await expect(page.getByTestId('change-added').filter({ hasText: 'compare-visitor' })).toBeVisible({ timeout: 60_000 });
    await page.keyboard.press('c');
    await expect(page.getByTestId('changes')).toHaveCount(0);
  } finally {
    visitor.kill();
  }
});

test('the map is saved as a picture and as a drawing', async ({ come }) => {
  const page = await come('#/view/hosts');
  await expect(page.getByTestId('map-nodes').getByRole('button').first()).toBeVisible();
  const png = await saved(page, async () => {
    await page.getByTestId('export').click();
    await page.getByTestId('export-png').click();
  });
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  // Larger than any picture of nothing.
  expect(png.length).toBeGreaterThan(1_000);
  const svg = (
    await saved(page, async () => {
      await page.getByTestId('export').click();
      await page.getByTestId('export-svg').click();
    })
  ).toString();
  const drawn = await page.evaluate((text) => {
    const read = new DOMParser().parseFromString(text, 'image/svg+xml');
    return { broken: read.querySelector('parsererror') !== null, texts: [...read.querySelectorAll('text')].map(({ textContent }) => textContent) };
  }, svg);
  expect(drawn.broken).toBe(false);
  expect(drawn.texts.length).toBeGreaterThan(0);
});
