// The engine goes and comes back while somebody looks.

import { expect, test } from './lib/test.mjs';

test('a lost engine is told, and the page goes on when it is back', async ({ come, engine, allowed }) => {
  // While nobody listens the browser says so itself.
  allowed.push(/ERR_CONNECTION_|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_NETWORK|WebSocket connection/);
  const page = await come('#/view/hosts');
  await expect(page.getByTestId('live-state')).toContainText('Live');
  await engine.down();
  await expect(page.getByTestId('live-state')).toContainText('Trying to reconnect');
  await engine.up();
  await expect(page.getByTestId('live-state')).toContainText('Live');
  await expect(page.getByTestId('map-nodes').getByRole('button').first()).toBeVisible();
  await page.getByTestId('topology-processes').click();
  await expect(page.getByTestId('map-nodes').getByRole('button').first()).toBeVisible();
});
