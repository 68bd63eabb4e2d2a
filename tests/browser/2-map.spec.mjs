// The map: what a person does in the first minute.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { choose, expect, test } from './lib/test.mjs';

const host = hostname();
const node = (page, name) => page.getByTestId('map-nodes').getByRole('button', { name }).first();

/** The card of this machine, with what the example plugin adds to it. */
async function openHost(page) {
  await page.getByTestId('topology-hosts').click();
  await clickNode(page, host);
}

/** A map that still arranges itself may move a node away from under the pointer: a person tries again, too. */
async function clickNode(page, name) {
  await expect(async () => {
    await node(page, name).click();
    await expect(page.getByTestId('card-title')).toContainText(name.split('.')[0], { timeout: 5_000 });
  }).toPass({ timeout: 60_000 });
}

test('a node is clicked, its metrics move, and a control of the example plugin takes effect', async ({ come }) => {
  const page = await come();
  await expect(page.getByTestId('map')).toBeVisible();
  await openHost(page);
  await expect(page.getByTestId('metric-iowait')).toBeVisible();
  const sparkline = page.getByTestId('metric-iowait').locator('canvas');
  const first = await sparkline.evaluate((canvas) => canvas.toDataURL());
  await expect.poll(() => sparkline.evaluate((canvas) => canvas.toDataURL())).not.toBe(first);
  await page.getByTestId('metric-iowait').click();
  await expect(page.getByTestId('history-summary')).toContainText(/[1-9]\d* (points|samples|values)/);
  await page.getByTestId('history-close').click();
  await page.getByTestId('control-iowait~switchToIdle').click();
  await expect(page.getByTestId('metric-idle')).toBeVisible();
  await expect(page.getByTestId('control-iowait~switchToIdle')).toHaveCount(0);
  await page.getByTestId('control-iowait~switchToIOWait').click();
  await expect(page.getByTestId('control-iowait~switchToIdle')).toBeVisible();
});

test('topologies, options and the table show the same machine in other ways', async ({ come }) => {
  const page = await come('#/view/processes');
  await expect(page.getByTestId('map-nodes').getByRole('button').first()).toBeVisible();
  await page.getByTestId('topology-processes-by-name').click();
  await expect(page).toHaveURL(/processes-by-name/);
  await page.getByTestId('topology-processes').click();
  await page.getByTestId('choose-table').click();
  await expect(page.getByTestId('node-row').first()).toBeVisible();
  // Whoever talks to nobody is hidden at first.
  await choose(page, 'option-unconnected', /^show/i);
  await expect(page).toHaveURL(/unconnected(~|%7E)show/);
  await page.getByTestId('search-input').fill('orrery');
  await expect(page.getByTestId('node-row').filter({ hasText: 'orrery' }).first()).toBeVisible();
  const download = page.waitForEvent('download');
  await page.getByTestId('export').click();
  await page.getByTestId('export-table').click();
  const table = await readFile(await (await download).path(), 'utf8');
  expect(table).toContain('orrery');
});

test('a search dims what does not match, is pinned, and stays over a reload with the open card', async ({ come, allowed }) => {
  // A query that is not finished is refused, and the browser notes each refusal.
  allowed.push(/400 .*api\/call/);
  const page = await come();
  await openHost(page);
  await page.keyboard.press('/');
  await page.keyboard.type('kind:host');
  await expect(page.getByTestId('search-count')).toContainText('1');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('query-chip')).toContainText('kind:host');
  const address = page.url();
  await page.reload();
  await expect(page.getByTestId('query-chip')).toContainText('kind:host');
  await expect(page.getByTestId('card-title')).toContainText(host.split('.')[0]);
  expect(page.url()).toBe(address);
  await page.getByTestId('search-input').fill('kind:(');
  await expect(page.getByTestId('query-fault')).toBeVisible();
  await page.goBack();
  await expect(page.getByTestId('query-chip')).toHaveCount(0);
});

test('the report is saved as a file, with what the plugin measured', async ({ come }) => {
  const page = await come();
  await openHost(page);
  await expect(page.getByTestId('metric-iowait')).toBeVisible();
  const download = page.waitForEvent('download');
  await page.getByTestId('export').click();
  await page.getByTestId('export-report').click();
  const report = JSON.parse(await readFile(await (await download).path(), 'utf8'));
  const metrics = report.Host.nodes[`${host};<host>`].metrics;
  expect(metrics.iowait.samples.length).toBeGreaterThan(0);
  expect(Object.keys(report.Process.nodes).length).toBeGreaterThan(0);
});

test('the past is looked at, controls rest there, and there is a way back', async ({ come }) => {
  const page = await come();
  await openHost(page);
  await expect(page.getByTestId('control-iowait~switchToIdle')).toBeVisible();
  // A moment that is certainly recorded: one of which history holds the whole picture.
  const recorded = async () => {
    const { history_from_ms: from } = await page.evaluate(async () => (await fetch('api/status')).json());
    return from !== null && Date.now() - from > 12_000 ? from + 11_000 : 0;
  };
  let moment = 0;
  await expect.poll(async () => (moment = await recorded()), { timeout: 90_000 }).toBeGreaterThan(0);
  const card = encodeURIComponent(`hosts/${host};<host>`);
  await page.goto(`/#/view/hosts?card=${card}&at=${Math.round(moment)}`);
  await expect(page.getByTestId('moment-bar')).toContainText('Controls are off');
  await expect(node(page, host)).toBeVisible();
  await expect(page.getByTestId('card-title')).toContainText(host.split('.')[0]);
  // Which of its two controls it had then depends on what was pressed before that moment.
  await expect(page.locator('[data-testid^="control-iowait~"]')).toBeDisabled();
  await page.getByTestId('moment-live').click();
  await expect(page.getByTestId('moment-bar')).toHaveCount(0);
  await expect(page.getByTestId('control-iowait~switchToIdle')).toBeEnabled();
  // And by the timeline, as a person would.
  await choose(page, 'timeline-range', /^15\s*min/);
  const track = page.getByTestId('timeline-area');
  const { width, height } = await track.boundingBox();
  // Well within what is recorded: further back leads nowhere, and right at the end is now.
  const age = Date.now() - (moment - 11_000);
  await track.click({ position: { x: width * (1 - (age * 0.8) / (15 * 60_000)), y: height / 2 } });
  await expect(page.getByTestId('moment-bar')).toBeVisible();
  await page.keyboard.press('l');
  await expect(page.getByTestId('moment-bar')).toHaveCount(0);
});

test('everything is reached by keyboard: palette, help, pause', async ({ come }) => {
  const page = await come('#/view/hosts');
  await expect(node(page, host)).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByTestId('palette-input').fill('audit');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('audit-page')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('map')).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByTestId('help-sheet')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('help-sheet')).toHaveCount(0);
  await page.keyboard.press('Space');
  await expect(page.getByTestId('moment-bar')).toContainText('Paused');
  await page.keyboard.press('Space');
  await expect(page.getByTestId('moment-bar')).toHaveCount(0);
});
