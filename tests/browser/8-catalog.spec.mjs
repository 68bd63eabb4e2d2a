// The catalog: browsed, asked, and left for a node or a task.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { expect, tabTo, test } from './lib/test.mjs';

const entry = (page, name) => page.locator(`[data-testid="catalog-row"][data-namespace="${name}"]`);
const LOAD = '/orrery/host/*node/load1';
const host = hostname().split('.')[0];

test('the catalog is browsed with live values, by words and by query', async ({ come }) => {
  const page = await come('#/catalog');
  await expect(entry(page, LOAD)).toBeVisible();
  await expect(entry(page, LOAD).getByTestId('catalog-now')).toContainText(/\d/);
  await expect(page.getByTestId('metric-list')).toContainText('Built in · host');
  await expect(entry(page, '/iowait/host/*node/iowait').getByTestId('catalog-now')).toContainText(/\d/);
  // Of processes there are many, and so there is a range of values.
  await expect(entry(page, '/orrery/process/*node/open_files_count').getByTestId('catalog-now')).toContainText('–');

  await page.getByTestId('metric-filter').fill('open files');
  await expect(entry(page, LOAD)).toHaveCount(0);
  await page.getByTestId('metric-filter').fill('/iowait/*');
  await expect(entry(page, LOAD)).toHaveCount(0);
  await expect(entry(page, '/iowait/host/*node/iowait')).toBeVisible();
  await expect(page).toHaveURL(/words=%2Fiowait/);
  const download = page.waitForEvent('download');
  await page.getByTestId('metric-list-export').click();
  expect(await readFile(await (await download).path(), 'utf8')).toContain('/iowait/host/*node/iowait');

  await page.getByTestId('metric-filter').fill('');
  await entry(page, LOAD).click();
  await expect(page.getByTestId('catalog-version')).toHaveCount(1);
  // Nodes go by their names, and lead to the map.
  const value = page.getByTestId('catalog-value').first();
  await expect(value.getByRole('button', { name: host, exact: false }).first()).toBeVisible();
  await value.getByRole('button').first().click();
  await expect(page.getByTestId('card-title')).toContainText(host);
});

test('a wrong query says what is wrong, and what was found before stays away', async ({ come, allowed }) => {
  allowed.push(/400 .*api\/catalog/);
  const page = await come('#/catalog');
  await expect(entry(page, LOAD)).toBeVisible();
  await page.getByTestId('metric-filter').fill('/orrery/(host;)/*');
  await expect(page.getByTestId('catalog-failure')).toBeVisible();
  await page.getByTestId('metric-filter').fill('/nobody/*');
  await expect(page.getByTestId('metric-none')).toBeVisible();
  await expect(page.getByTestId('catalog-failure')).toHaveCount(0);
});

test('the catalog is walked with the keys alone', async ({ come }) => {
  const page = await come('#/catalog');
  await expect(entry(page, LOAD)).toBeVisible();
  await tabTo(page, 'metric-list');
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('catalog-detail')).toBeVisible();
  await expect(page.locator('[data-testid="catalog-row"][aria-selected="true"]')).toHaveCount(1);
  await tabTo(page, 'catalog-alert');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('task-text')).toHaveValue(/threshold/);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('task-dialog')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('catalog-detail')).toHaveCount(0);
});
