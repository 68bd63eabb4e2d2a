// Takes the README's pictures in the browser: a shop of real processes, the example plugins, tasks; dark and light.
// The argument is the directory of the examples' packages.
// ORRERY_SETTLE_S is how long readings are gathered first.

import { execFile, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from '@playwright/test';
import { openShop } from '../desktop/lib/shop.mjs';
import { Engine } from './lib/engine.mjs';
import { pageArguments, pages, standIn } from './lib/pages.mjs';

const execute = promisify(execFile);
const pictures = join(resolve(import.meta.dirname, '../..'), 'docs/pictures');
const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1_000));

const task = (name, interval, queries, then) => `version: 2
name: ${name}
schedule: { type: simple, interval: ${interval} }
on_failure: { after: 5, then: slow }
collect:
${queries.map((query) => `  "${query}": {}`).join('\n')}
${then}
`;

/** A process that keeps connections to ports of the shop. */
const visitor = (name, ports) => {
  const program = `for (const port of ${JSON.stringify(ports)}) { const s = require('node:net').connect(port, '127.0.0.1'); s.on('data', () => {}); s.on('error', () => {}); setInterval(() => s.write('x'.repeat(500)), 200); }`;
  return spawn(process.execPath, ['-e', program], { argv0: name, stdio: 'ignore' });
};

const close = openShop();
const engine = await Engine.start();
const backup = visitor('backup', [15432]);
const visitors = [backup];
const browser = await chromium.launch({ executablePath: process.env.ORRERY_TEST_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', ...pageArguments] });
try {
  const packages = resolve(process.argv[2] ?? 'dist/plugins');
  for (const name of readdirSync(packages).filter((file) => /^(http-statistics|traffic-control|volume-count)-.*\.tar\.(gz|zst)$/.test(file))) {
    // One that does not run on this machine is a picture, too.
    await engine.command('plugin', 'install', join(packages, name)).catch((error) => console.log(error.stderr));
  }
  const file = (name) => `publish: [{ plugin: file, config: { path: ${JSON.stringify(join(engine.dir, name))} } }]`;
  await engine.post('/api/tasks?start=true&force=true', task('load-to-file', '1s', ['/orrery/host/*/load1', '/iowait/host/*/iowait'], `process: [{ plugin: moving-average, config: { window: 5 }, ${file('load.jsonl')} }]`));
  await engine.post('/api/tasks?start=true&force=true', task('busy-processes', '2s', ['/orrery/process/*/process_cpu_usage_percent'], 'process: [{ plugin: threshold, config: { above: 90 }, publish: [{ plugin: notification }] }]'));
  await engine.post('/api/tasks?start=true&force=true', task('to-collector', '1s', ['/orrery/host/*/load1'], 'publish: [{ plugin: http, config: { url: "http://127.0.0.1:9/values" } }]'));
  await engine.post('/api/tasks?start=true&force=true', task('gpu-watch', '10s', ['/gpu/host/*/util'], 'publish: [{ plugin: topology }]'));
  await engine.post('/api/tasks?start=true&force=true', task('open-files', '5s', ['/orrery/process/*/open_files_count'], file('files.csv')));
  await wait(Number(process.env.ORRERY_SETTLE_S ?? 90));

  // Between two moments of the picture something ends and something begins.
  const before = Date.now();
  backup.kill();
  visitors.push(visitor('report-job', [15432, 18081]));
  await wait(30);

  const list = JSON.parse(await engine.command('task', 'list', '--json'));
  const shown = list.find(({ name }) => name === 'load-to-file')?.id ?? '';
  const token = await engine.command('token');
  for (const theme of ['dark', 'light']) {
    const context = await browser.newContext({ baseURL: engine.url, viewport: { width: 1280, height: 800 }, colorScheme: theme, reducedMotion: 'reduce' });
    if (pages) await standIn(context);
    await context.request.post('/api/session', { headers: { Authorization: `Bearer ${token}` } });
    const page = await context.newPage();
    const take = async (name, place, selector, press = false) => {
      await page.goto('about:blank');
      await page.goto(`/${place}`);
      await page.locator(selector).first().waitFor();
      if (press) await page.locator(selector).first().click({ force: true });
      if (press) await page.getByTestId('card-title').waitFor();
      if (press) await page.keyboard.press('f');
      await wait(4);
      const path = join(engine.dir, `${name}.png`);
      await page.screenshot({ path });
      // Few colours are enough for an interface, and make a small file.
      await execute('convert', [path, '-strip', '-dither', 'None', '-colors', '192', `PNG8:${join(pictures, `${name}-${theme}.png`)}`]);
    };
    await take('main', '#/view/processes', '[data-testid="map-nodes"] button[aria-label*="shop-api"]', true);
    await take('compare', `#/view/processes?base=${before}`, '[data-testid="change-gone"]');
    await take('tasks', `#/tasks?task=${shown}`, '[data-testid="task-past-run"]');
    await take('catalog', '#/catalog', '[data-testid="catalog-now"]');
    await take('plugins', '#/plugins?plugin=iowait&tab=health', '[data-testid="health-strip"]');
    await context.close();
  }
} finally {
  for (const one of visitors) one.kill();
  close();
  await browser.close();
  await engine.close();
}
