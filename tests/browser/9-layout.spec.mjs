// Nothing is cut off: no page is wider than the window that it is in, with and without details beside it.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from './lib/test.mjs';

const WIDTHS = [1440, 1280, 1100];

/** What reaches beyond the page or the panel that it is on, where that can be seen or not. */
const tooWide = () =>
  [...document.querySelectorAll('main table, main header, aside > *, body > *')]
    .map((element) => [element, element.parentElement.closest('main, aside, body').getBoundingClientRect().right, element.getBoundingClientRect()])
    .filter(([, edge, { right, width }]) => width > 0 && right > edge + 1)
    .map(([element, edge, { right }]) => `${element.tagName.toLowerCase()} ${element.getAttribute('data-testid') ?? element.className}: ${right} beyond ${edge}`);

test('no page is wider than its window', async ({ come, engine, allowed }) => {
  test.setTimeout(240_000);
  // What was removed may have been asked for in the same moment.
  allowed.push(/404 .*api\/tasks\//);
  const task = await engine.post(
    '/api/tasks?start=true&force=true',
    `version: 2\nname: a-task-with-a-rather-long-name\nschedule: { type: simple, interval: 1s }\ncollect: { "/orrery/process/*/process_cpu_usage_percent": {} }\npublish: [{ plugin: http, config: { url: "http://127.0.0.1:9/a/rather/long/path/to/nowhere" } }, { plugin: file, config: { path: ${JSON.stringify(join(engine.dir, 'wide.jsonl'))} } }]\n`,
  );
  const card = encodeURIComponent(`hosts/${hostname()};<host>`);
  const places = {
    map: ['#/view/everything', 'map'],
    card: [`#/view/hosts?card=${card}`, 'card-title'],
    plugins: ['#/plugins', 'plugin-list'],
    plugin: ['#/plugins?plugin=iowait', 'plugin-detail'],
    tasks: ['#/tasks', 'task-row'],
    task: [`#/tasks?task=${task.id}`, 'task-past-run'],
    services: ['#/services', 'services-page'],
    catalog: ['#/catalog', 'catalog-row'],
    metric: [`#/catalog?metric=${encodeURIComponent('/orrery/host/*node/load1')}`, 'catalog-value'],
    activity: ['#/activity', 'event'],
    audit: ['#/audit', 'audit-entry'],
  };
  const page = await come();
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const [name, [hash, there]] of Object.entries(places)) {
      await page.goto(`/${hash}`);
      await expect(page.getByTestId(there).first()).toBeVisible();
      await expect.poll(() => page.evaluate(tooWide), { message: `${name} at ${width}` }).toEqual([]);
    }
  }
  await engine.post(`/api/tasks/${task.id}/stop`);
  await engine.command('task', 'remove', task.id);
});
