// The life of a plugin, from an upload to its removal.

import { expect, test } from './lib/test.mjs';

const row = (page) => page.getByTestId('plugin-lantern');

test('a package is uploaded, runs, is configured, stopped, started and removed', async ({ come, engine, allowed }) => {
  // The log of a plugin that was removed right now is asked for once more.
  allowed.push(/404 .*api\/call/);
  const page = await come('#/plugins');
  await expect(page.getByTestId('plugin-iowait')).toHaveAttribute('data-state', 'running');

  await test.step('install with progress', async () => {
    await page.getByTestId('install').click();
    const chooser = page.waitForEvent('filechooser');
    await page.getByTestId('install-choose').click();
    await (await chooser).setFiles(engine.lantern);
    await expect(page.getByTestId('install-chosen')).toContainText('lantern-1.0.0.tar.gz');
    // Held back on its way, so that its progress can be seen on any machine.
    let letGo = () => {};
    const held = new Promise((done) => (letGo = done));
    await page.route('**/api/uploads', async (route) => {
      await held;
      await route.continue();
    });
    await page.getByTestId('install-go').click();
    await expect(page.getByTestId('upload')).toContainText('Sending');
    letGo();
    await expect(row(page)).toHaveAttribute('data-state', 'running');
    await page.unroute('**/api/uploads');
    await expect(row(page)).toContainText('Ok');
  });

  await test.step('its node is on the map', async () => {
    await page.goto('/#/view/hosts');
    await expect(page.getByTestId('map-nodes').getByRole('button', { name: 'lanternhost' })).toBeVisible();
    await page.goto('/#/plugins?plugin=lantern');
    await expect(page.getByTestId('plugin-resources')).toBeVisible();
  });

  await test.step('its config is checked at the field, and reaches it', async () => {
    await page.getByTestId('tab-config').click();
    await page.getByTestId('input-brightness').fill('900');
    await page.getByTestId('config-save').click();
    await expect(page.getByTestId('field-brightness')).toContainText('Between 1 and 100.');
    await page.getByTestId('input-brightness').fill('70');
    await page.getByTestId('config-save').click();
    await expect(page.getByTestId('config-discard')).toBeDisabled();
    await expect(row(page)).toHaveAttribute('data-state', 'running');
  });

  await test.step('its log is followed', async () => {
    await page.getByTestId('tab-log').click();
    await expect(page.getByTestId('log')).toContainText(/config:.*brightness.*70/);
    const lines = await page.getByTestId('log-line').count();
    await page.getByTestId('order-restart').click();
    await expect.poll(() => page.getByTestId('log-line').count()).toBeGreaterThan(lines);
    await expect(row(page)).toHaveAttribute('data-state', 'running');
  });

  await test.step('stop and start', async () => {
    await page.getByTestId('order-stop').click();
    await expect(row(page)).toHaveAttribute('data-state', 'stopped');
    await page.getByTestId('order-start').click();
    await expect(row(page)).toHaveAttribute('data-state', 'running');
  });

  await test.step('remove after a question', async () => {
    await page.getByTestId('order-more').click();
    await page.getByTestId('order-remove').click();
    await expect(page.getByTestId('confirm')).toContainText('Remove Lantern');
    await page.getByTestId('confirm-no').click();
    await expect(row(page)).toBeVisible();
    await page.getByTestId('order-more').click();
    await page.getByTestId('order-remove').click();
    // It is told for a few seconds only.
    const told = expect(page.getByTestId('notice').filter({ hasText: /lantern is removed/i })).toBeVisible();
    await page.getByTestId('confirm-yes').click();
    await told;
    await expect(row(page)).toHaveCount(0);
  });

  await test.step('all of it is in Activity', async () => {
    await page.getByTestId('page-activity').click();
    await expect(page.getByTestId('event').filter({ hasText: /removed/i }).first()).toBeVisible();
  });
});
