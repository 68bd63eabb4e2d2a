// Tasks: made from a metric, edited, run, stopped and removed; and all of it with the keys alone.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { choose, expect, tabTo, test } from './lib/test.mjs';

const row = (page, name) => page.locator(`[data-testid="task-row"][data-task="${name}"]`);

/** What was removed may have been asked for in the same moment. */
const GONE = /404 .*api\/tasks\//;

/** A manifest whose values go to a file. */
const toFile = (name, path, interval = '1s') => `version: 2
name: ${name}
schedule: { type: simple, interval: ${interval} }
collect:
  "/orrery/host/*/load1": {}
publish:
  - plugin: file
    config: { path: ${JSON.stringify(path)} }
`;

test('a metric of the catalog is recorded, and the task is edited, run, stopped and removed', async ({ come, engine, allowed }) => {
  allowed.push(GONE);
  const path = join(engine.dir, 'load.jsonl');
  const page = await come('#/catalog');
  await page.locator('[data-testid="catalog-row"][data-namespace="/orrery/host/*node/load1"]').click();
  await page.getByTestId('catalog-record').click();
  await choose(page, 'task-schedule', /every.second/);
  await expect(page.getByTestId('task-text')).toHaveValue(/interval: 1s/);
  await choose(page, 'task-sink', 'Orrery’s history');
  await expect(page.getByTestId('task-text')).toHaveValue(/plugin: history/);
  await page.getByTestId('task-text').fill(toFile('recorded', path));
  await page.getByTestId('task-apply').click();
  await expect(page.getByTestId('task-dialog')).toHaveCount(0);

  await expect(row(page, 'recorded')).toHaveAttribute('data-state', 'scheduled');
  await expect(row(page, 'recorded')).toContainText('/orrery/host/*/load1');
  await expect(row(page, 'recorded')).toContainText('file load.jsonl');
  await expect(page.getByTestId('task-past-run').first()).toHaveAttribute('data-outcome', 'ok');
  await expect(page.getByTestId('task-value').first()).toContainText('load1');
  await expect(page.getByTestId('task-subscription')).toContainText('built in');
  await expect(row(page, 'recorded').getByTestId('run-strip')).toHaveAttribute('aria-label', /ok/);
  await expect.poll(async () => (await readFile(path, 'utf8').catch(() => '')).includes('"load1"')).toBe(true);

  await page.getByTestId('task-edit').click();
  await page.getByTestId('task-text').fill(toFile('recorded', path, '0s').replace('collect:', 'colect:'));
  await expect(page.getByTestId('task-error').first()).toBeVisible();
  await expect(page.getByTestId('task-errors')).toContainText('schedule');
  await expect(page.getByTestId('task-errors')).toContainText('colect');
  await page.getByTestId('task-text').fill(toFile('renamed', path, '2s'));
  await expect(page.getByTestId('task-error')).toHaveCount(0);
  await page.getByTestId('task-apply').click();
  await expect(page.getByTestId('task-dialog')).toHaveCount(0);
  await expect(page.getByTestId('task-detail')).toContainText('generation 2');
  await expect(row(page, 'renamed')).toContainText(/every 2\s*s/);

  await page.getByTestId('task-stop').click();
  await expect(row(page, 'renamed')).toHaveAttribute('data-state', 'stopped');
  await page.getByTestId('task-run').click();
  await expect(page.getByTestId('notice').last()).toContainText('renamed ran');
  const download = page.waitForEvent('download');
  await page.getByTestId('task-list-export').click();
  expect(await readFile(await (await download).path(), 'utf8')).toMatch(/renamed,[^,]+,/);
  await page.getByTestId('task-remove').click();
  await expect(page.getByTestId('confirm')).toContainText('Remove renamed');
  await page.getByTestId('confirm-yes').click();
  await expect(row(page, 'renamed')).toHaveCount(0);
  await expect(page.getByTestId('tasks-empty')).toBeVisible();
});

test('an alert is made from a card, and a task that waits says what for', async ({ come, engine, allowed }) => {
  allowed.push(GONE);
  const page = await come(`#/view/hosts?card=${encodeURIComponent(`hosts/${hostname()};<host>`)}`);
  await page.getByTestId('card-alert').click();
  await expect(page.getByTestId('task-text')).toHaveValue(/plugin: threshold/);
  await page.getByTestId('task-threshold').fill('12.5');
  await expect(page.getByTestId('task-text')).toHaveValue(/above: 12\.5/);
  await choose(page, 'task-side', 'below');
  await expect(page.getByTestId('task-text')).toHaveValue(/below: 12\.5/);
  await page.getByTestId('task-apply').click();
  await expect(page.getByTestId('task-dialog')).toHaveCount(0);
  await expect(page.getByTestId('task-row')).toHaveAttribute('data-state', 'scheduled');
  await expect(page.getByTestId('task-row')).toContainText('threshold → notification');

  await engine.post('/api/tasks?force=true', toFile('patient', join(engine.dir, 'no.jsonl')).replace('/orrery/host/*/load1', '/nothing/host/*/x'));
  await expect(row(page, 'patient')).toHaveAttribute('data-state', 'waiting');
  await expect(page.getByTestId('task-reason').filter({ hasText: /^Waits/ })).toBeVisible();
  // The worst comes first, and a pill leaves one state.
  await expect(page.getByTestId('task-row').first()).toHaveAttribute('data-task', 'patient');
  await choose(page, 'task-state', 'scheduled');
  await expect(row(page, 'patient')).toHaveCount(0);
  await expect(page.getByTestId('task-row')).toHaveCount(1);
  await page.reload();
  await expect(page.getByTestId('task-row')).toHaveCount(1);
  await page.getByTestId('task-filter').fill('no such words');
  await expect(page.getByTestId('task-none')).toBeVisible();
  for (const { id } of JSON.parse(await engine.command('task', 'list', '--json'))) {
    await engine.post(`/api/tasks/${id}/stop`);
    await engine.command('task', 'remove', id);
  }
});

test('tasks are made, opened and stopped with the keys alone', async ({ come, engine, allowed }) => {
  allowed.push(GONE);
  const page = await come('#/tasks');
  await expect(page.getByTestId('tasks-empty')).toBeVisible();
  await tabTo(page, 'task-new');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('task-dialog')).toBeVisible();
  await tabTo(page, 'task-text');
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(toFile('typed', join(engine.dir, 'typed.jsonl')));
  await page.keyboard.press('Control+Enter');
  await expect(page.getByTestId('task-dialog')).toHaveCount(0);
  await expect(row(page, 'typed')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('task-detail')).toHaveCount(0);
  await tabTo(page, 'task-list');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('task-detail')).toBeVisible();
  await tabTo(page, 'task-stop');
  await page.keyboard.press('Space');
  await expect(row(page, 'typed')).toHaveAttribute('data-state', 'stopped');
  await tabTo(page, 'task-remove');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('confirm')).toBeVisible();
  await tabTo(page, 'confirm-yes');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('tasks-empty')).toBeVisible();
});
