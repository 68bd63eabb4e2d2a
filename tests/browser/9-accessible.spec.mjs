// Every page in both themes, looked at by axe: no serious violation.

import AxeBuilder from '@axe-core/playwright';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from './lib/test.mjs';

const card = encodeURIComponent(`hosts/${hostname()};<host>`);

/** Pages, and what shows that they are there. */
const PAGES = {
  map: [`#/view/hosts?card=${card}`, 'card-title'],
  compare: [`#/view/hosts?base=${Date.now() - 5_000}`, 'changes'],
  table: ['#/view/processes?mode=table', 'node-row'],
  plugins: ['#/plugins?plugin=iowait', 'plugin-detail'],
  tasks: ['#/tasks', 'task-row'],
  services: ['#/services', 'services-page'],
  catalog: [`#/catalog?metric=${encodeURIComponent('/orrery/host/*node/load1')}`, 'catalog-value'],
  activity: ['#/activity', 'activity-page'],
  audit: ['#/audit', 'audit-entry'],
};

const grave = ({ violations }) => violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);

for (const colorScheme of ['dark', 'light']) {
  test(`no page has a serious barrier in the ${colorScheme} theme`, async ({ come, engine, allowed }) => {
    // What was removed may have been asked for in the same moment.
    allowed.push(/404 .*api\/tasks\//);
    const task = await engine.post('/api/tasks?start=true', `version: 2\nname: seen\nschedule: { type: simple, interval: 1s }\ncollect: { "/orrery/host/*/load1": {} }\npublish: [{ plugin: file, config: { path: ${JSON.stringify(join(engine.dir, 'seen.jsonl'))} } }]\n`);
    const page = await come();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [name, [hash, there]] of Object.entries(PAGES)) {
      await page.goto(`/${hash}`);
      await expect(page.getByTestId(there).first()).toBeVisible();
      expect(grave(await new AxeBuilder({ page }).analyze()), name).toEqual([]);
    }
    await page.goto(`/#/tasks?task=${task.id}`);
    await expect(page.getByTestId('task-past-run').first()).toBeVisible();
    expect(grave(await new AxeBuilder({ page }).analyze()), 'a task').toEqual([]);
    await page.getByTestId('task-edit').click();
    await page.getByTestId('task-text').fill('version: 2\n');
    await expect(page.getByTestId('task-error').first()).toBeVisible();
    expect(grave(await new AxeBuilder({ page }).analyze()), 'a manifest').toEqual([]);
    await page.keyboard.press('Escape');
    await engine.post(`/api/tasks/${task.id}/stop`);
    await engine.command('task', 'remove', task.id);
  });
}
