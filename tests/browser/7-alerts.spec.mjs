// Alerts of tasks: a word in the page for everybody, a notification of the browser for who asked for them.

import { hostname } from 'node:os';
import { expect, test } from './lib/test.mjs';

/** Stands in for the browser's own, which shows nothing without a desktop. */
function noNotifications() {
  window.shown = [];
  window.asked = 0;
  window.Notification = class {
    static permission = 'default';
    static async requestPermission() {
      window.asked += 1;
      return (window.Notification.permission = 'granted');
    }
    constructor(title, { body }) {
      window.shown.push({ title, body });
    }
    close() {}
  };
}

test('an alert is told in the page, and pops up once that was asked for', async ({ stranger, engine, allowed }) => {
  // What was removed may have been asked for in the same moment.
  allowed.push(/404 .*api\/tasks\//);
  const page = await stranger();
  await page.addInitScript(noNotifications);
  await page.context().request.post('/api/session', { headers: { Authorization: `Bearer ${await engine.command('token')}` } });
  await page.goto('/#/activity');
  await expect(page.getByTestId('notify')).toBeVisible();
  expect(await page.evaluate(() => window.asked)).toBe(0);
  await page.getByTestId('notify').click();
  await expect(page.getByTestId('notify')).toHaveAttribute('aria-pressed', 'true');
  const task = await engine.post(
    '/api/tasks?start=true&force=true',
    `version: 2\nname: too-busy\nschedule: { type: simple, interval: 1s }\ncollect: { "/orrery/host/*/load1": {} }\nprocess: [{ plugin: threshold, config: { above: -1 }, publish: [{ plugin: notification, config: { title: Load of this machine } }] }]\n`,
  );
  const notice = page.getByTestId('notice').filter({ hasText: 'Load of this machine' });
  await expect(notice).toContainText('above -1', { timeout: 60_000 });
  const shown = await page.evaluate(() => window.shown);
  expect(shown[0].title).toBe('Load of this machine');
  // In the words of the window, whatever their ids.
  expect(shown[0].body).toMatch(/^Load \(1m\) of .* is [\d.]+, above -1$/);
  expect(shown[0].body).not.toContain('<host>');
  await expect(page.getByTestId('event').filter({ hasText: 'Load of this machine' })).toBeVisible();
  await notice.getByRole('button', { name: /^Open / }).click();
  await expect(page.getByTestId('card-title')).toContainText(hostname().split('.')[0]);
  await expect(notice).toHaveCount(0);
  await engine.post(`/api/tasks/${task.id}/stop`);
  await engine.command('task', 'remove', task.id);
});
