// Who may look, who may act, and what is written down of it.

import { hostname } from 'node:os';
import { expect, test } from './lib/test.mjs';

/** This machine with its card open. */
const card = `#/view/hosts?card=${encodeURIComponent(`hosts/${hostname()};<host>`)}`;

test('the audit log says who did what, where, and what became of it', async ({ come, engine }) => {
  const page = await come(card);
  await page.getByTestId('control-iowait~switchToIdle').click();
  await page.getByTestId('control-iowait~switchToIOWait').click();
  await expect(page.getByTestId('control-iowait~switchToIdle')).toBeVisible();
  await engine.command('token', 'new', 'noted', '--role', 'view');
  await page.goto('/#/audit');
  const control = page.getByTestId('audit-entry').filter({ hasText: 'iowait~switchToIdle' }).first();
  await expect(control).toContainText('Control');
  await expect(control).toContainText('127.0.0.1');
  await expect(control).toContainText('Done');
  await page.getByTestId('audit-filter').fill('make token');
  await expect(page.getByTestId('audit-entry')).not.toHaveCount(0);
  for (const entry of await page.getByTestId('audit-entry').all()) await expect(entry).toHaveAttribute('data-what', 'make token');
  await page.getByTestId('audit-filter').fill('nobody ever did this');
  await expect(page.getByTestId('audit-none')).toContainText('No entry fits');
});

test('who may only look sees everything and presses nothing', async ({ come, engine }) => {
  const said = JSON.parse(await engine.command('token', 'new', 'guest', '--role', 'view', '--json'));
  const page = await come(card, said.token);
  await expect(page.getByTestId('metric-iowait')).toBeVisible();
  await expect(page.getByTestId('control-iowait~switchToIdle')).toBeDisabled();
  await page.getByTestId('open-plugins').click();
  await expect(page.getByTestId('plugin-iowait')).toHaveAttribute('data-state', 'running');
  await expect(page.getByTestId('install')).toBeDisabled();
  await page.getByTestId('plugin-iowait').click();
  await expect(page.getByTestId('order-stop')).toBeDisabled();
  await page.getByTestId('page-services').click();
  await expect(page.getByTestId('service-apply')).toBeDisabled();
  await page.getByTestId('page-tasks').click();
  await expect(page.getByTestId('task-new')).toBeDisabled();
  await page.getByTestId('page-catalog').click();
  await page.locator('[data-testid="catalog-row"][data-namespace="/orrery/host/*node/load1"]').click();
  await expect(page.getByTestId('catalog-value').first()).toBeVisible();
  await expect(page.getByTestId('catalog-record')).toBeDisabled();
  await page.getByTestId('page-audit').click();
  await expect(page.getByTestId('audit-forbidden')).toBeVisible();
});

test('who may control starts, stops and runs tasks, and makes none', async ({ come, engine, allowed }) => {
  // What was removed may have been asked for in the same moment.
  allowed.push(/404 .*api\/tasks\//);
  const made = await engine.post('/api/tasks?start=true', 'version: 2\nname: kept\nschedule: { type: simple, interval: 1s }\ncollect: { "/orrery/host/*/load1": {} }\npublish: [{ plugin: history }]\n');
  const said = JSON.parse(await engine.command('token', 'new', 'hand', '--role', 'control', '--json'));
  const page = await come(`#/tasks?task=${made.id}`, said.token);
  await expect(page.getByTestId('task-edit')).toBeDisabled();
  await expect(page.getByTestId('task-new')).toBeDisabled();
  await page.getByTestId('task-stop').click();
  await expect(page.getByTestId('task-row')).toHaveAttribute('data-state', 'stopped');
  await expect(page.getByTestId('task-remove')).toBeDisabled();
  await page.getByTestId('task-run').click();
  await expect(page.getByTestId('notice').last()).toContainText('kept ran');
  await page.getByTestId('task-start').click();
  await expect(page.getByTestId('task-row')).toHaveAttribute('data-state', 'scheduled');
  await engine.post(`/api/tasks/${made.id}/stop`);
  await engine.command('task', 'remove', made.id);
});
