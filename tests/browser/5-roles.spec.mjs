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
  await expect(page.getByTestId('audit-empty')).toContainText('No entry fits');
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
  await page.getByTestId('page-audit').click();
  await expect(page.getByTestId('audit-forbidden')).toBeVisible();
});
