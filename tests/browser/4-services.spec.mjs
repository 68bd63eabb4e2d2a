// What plugins serve, declared and deleted in the browser.

import { expect, test } from './lib/test.mjs';

const OBJECTS = '/apis/aggregation.orrery/v1alpha1/dataplaneservices';

const declared = (name, type = 'route') => `apiVersion: aggregation.orrery/v1alpha1
kind: DataPlaneService
metadata:
  name: ${name}
spec:
  pluginID: iowait
  group: ${name}.example
  version: v1
  services:
    - type: ${type}
      method: GET
      path: /report
`;

test('a service is applied, serves, is edited, and is deleted', async ({ come, allowed }) => {
  // What is wrong with a text is refused on purpose, and the browser notes each refusal.
  allowed.push(/4(00|22) .*dataplaneservices/);
  const page = await come('#/services');
  await page.getByTestId('service-apply').click();
  await page.getByTestId('apply-text').fill(declared('waits', 'rout'));
  await page.getByTestId('apply-go').click();
  await expect(page.getByTestId('apply-error').first()).toContainText('spec.services[0].type');
  await expect(page.getByTestId('apply-error').first()).toContainText('line 10');
  await page.getByTestId('apply-text').fill('a: [');
  await page.getByTestId('apply-go').click();
  await expect(page.getByTestId('apply-refused')).toContainText('does not parse');
  await page.getByTestId('apply-text').fill(declared('waits'));
  await page.getByTestId('apply-go').click();
  await expect(page.getByTestId('apply-dialog')).toHaveCount(0);

  await expect(page.getByTestId('service-waits')).toHaveAttribute('data-state', 'Available');
  await expect(page.getByTestId('condition-Accepted')).toContainText('Valid');
  await expect(page.getByTestId('condition-Available')).toContainText('Passed');
  await expect(page.getByTestId('service-route')).toContainText('/report');
  const report = await page.evaluate(async () => (await fetch('/apis/waits.example/v1/report')).json());
  expect(report.Plugins[0].id).toBe('iowait');

  await page.getByTestId('service-edit').click();
  await expect(page.getByTestId('apply-text')).toHaveValue(/name: waits/);
  const text = await page.getByTestId('apply-text').inputValue();
  await page.getByTestId('apply-text').fill(text.replace('method: GET', 'method: POST'));
  await page.getByTestId('apply-go').click();
  await expect(page.getByTestId('apply-dialog')).toHaveCount(0);
  await expect(page.getByTestId('service-route')).toContainText('POST');

  await page.getByTestId('service-delete').click();
  await expect(page.getByTestId('confirm')).toContainText('Delete waits');
  await page.getByTestId('confirm-yes').click();
  await expect(page.getByTestId('service-waits')).toHaveCount(0);
  await expect(page.getByTestId('services-empty')).toBeVisible();
});

test('what others change arrives by itself', async ({ come }) => {
  const page = await come('#/services');
  await expect(page.getByTestId('services-page')).toHaveAttribute('data-following', 'true');
  const put = await page.context().request.put(OBJECTS, { data: declared('afar'), headers: { 'content-type': 'application/yaml' } });
  expect(put.ok()).toBe(true);
  await expect(page.getByTestId('service-afar')).toHaveAttribute('data-state', 'Available');
  await page.goto('/#/plugins?plugin=iowait');
  await page.getByTestId('order-stop').click();
  await expect(page.getByTestId('plugin-iowait')).toHaveAttribute('data-state', 'stopped');
  await page.getByTestId('page-services').click();
  await expect(page.getByTestId('service-afar')).toHaveAttribute('data-state', 'Not running');
  await expect(page.getByTestId('service-reason')).toBeVisible();
  await page.goto('/#/plugins?plugin=iowait');
  await page.getByTestId('order-start').click();
  await page.getByTestId('page-services').click();
  await expect(page.getByTestId('service-afar')).toHaveAttribute('data-state', 'Available');
  expect((await page.context().request.delete(`${OBJECTS}/afar`)).ok()).toBe(true);
  await expect(page.getByTestId('service-afar')).toHaveCount(0);
});
