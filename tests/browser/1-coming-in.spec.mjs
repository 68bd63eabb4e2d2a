// Who comes in, and how.

import { expect, test } from './lib/test.mjs';

test('a link lets a browser in once, and leaves nothing in the address', async ({ engine, stranger, allowed }) => {
  allowed.push(/401/);
  const link = await engine.link();
  const page = await stranger();
  const answer = await page.goto(link);
  expect(answer.status()).toBe(200);
  await expect(page).toHaveURL(`${engine.url}/`);
  await expect(page.getByTestId('live-state')).toContainText('Live');
  const cookies = await page.context().cookies();
  expect(cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite])).toEqual([[true, 'Strict']]);
  expect(await page.evaluate(() => document.cookie)).toBe('');
  const second = await stranger();
  await second.goto(link);
  await expect(second.getByTestId('token-page')).toContainText('This token is wrong');
});

test('without a token there is a page that asks for it, and a wrong one stays out', async ({ engine, stranger, allowed }) => {
  allowed.push(/401|HTTP Authentication failed/);
  const page = await stranger();
  const answer = await page.goto('/');
  const policy = answer.headers()['content-security-policy'];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("style-src 'self';");
  expect(policy).not.toContain('unsafe');
  await expect(page.getByTestId('token-page')).toContainText('This engine asks for a token');
  await page.getByTestId('token').fill('0123456789abcdef0123456789abcdef');
  await page.getByTestId('token-enter').click();
  await expect(page.getByTestId('token-page')).toContainText('This token is wrong');
  await page.getByTestId('token').fill(await engine.command('token'));
  await page.getByTestId('token').press('Enter');
  await expect(page.getByTestId('live-state')).toContainText('Live');
  await page.reload();
  await expect(page.getByTestId('live-state')).toContainText('Live');
});
