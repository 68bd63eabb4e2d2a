// Takes the README's pictures from the real window: a shop of real processes, the example plugins, dark and light.
// The argument is the directory of the examples' packages.

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openShop } from './lib/shop.mjs';
import { Stage } from './lib/stage.mjs';

const execute = promisify(execFile);
const pictures = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'docs/pictures');
mkdirSync(pictures, { recursive: true });
const packages = resolve(process.argv[2] ?? 'dist/plugins');
const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1_000));

const SERVICE = `apiVersion: aggregation.orrery/v1alpha1
kind: DataPlaneService
metadata: { name: iowait }
spec:
  pluginID: iowait
  group: iowait.example
  version: v1
  services:
    - { type: route, method: GET, path: /report }
    - { type: route, method: POST, path: /control }
---
apiVersion: aggregation.orrery/v1alpha1
kind: DataPlaneService
metadata: { name: weather }
spec:
  pluginID: weather
  group: weather.example
  version: v1beta1
  services: [{ type: query }, { type: stream, path: /warnings, protocols: [sse] }]
`;

/** Few colours are enough for an interface, and make a small file. */
async function publish(file, name) {
  await execute('convert', [file, '-strip', '-dither', 'None', '-colors', '192', `PNG8:${join(pictures, `${name}.png`)}`]);
}

const close = openShop();
const stage = await Stage.set({ lamp: false });
try {
  const window = await stage.open('--bundle', packages);
  await window.wait('[data-testid="map-nodes"] button', 60_000);
  const orrery = (...args) => execute(join(dirname(stage.binary), 'orrery'), ['--data', stage.data, ...args]);
  for (const file of readdirSync(packages).filter((name) => name.endsWith('.tar.gz') && !name.startsWith('iowait'))) {
    // One that does not run on this machine is a picture, too.
    await orrery('plugin', 'install', join(packages, file)).catch((error) => console.log(error.stderr));
  }
  const service = join(stage.dir, 'service.yaml');
  writeFileSync(service, SERVICE);
  await orrery('service', 'apply', '-f', service);
  await wait(Number(process.env.ORRERY_SETTLE_S ?? 90));

  const show = async (theme, place, selector, ready = selector) => {
    await window.run(`localStorage.setItem('orrery.theme', ${JSON.stringify(JSON.stringify(theme))}); location.hash = ${JSON.stringify(place)}; location.reload()`);
    await window.wait(selector, 60_000);
    if (ready !== selector) await window.click(selector);
    await window.wait(ready, 60_000);
    await wait(4);
  };
  for (const theme of ['dark', 'light']) {
    await show(theme, '#/view/processes', '[data-testid="map-nodes"] button[aria-label*="shop-api"]', '[data-testid="card-title"]');
    await publish(await stage.shot(`main-${theme}`), `main-${theme}`);
    await show(theme, '#/plugins?plugin=iowait&tab=health', '[data-testid="health-strip"]');
    await publish(await stage.shot(`plugins-${theme}`), `plugins-${theme}`);
    await show(theme, '#/services?service=iowait', '[data-testid="service-detail"]');
    await stage.shot(`services-${theme}`);
    await show(theme, '#/audit', '[data-testid="audit-entry"]');
    await stage.shot(`audit-${theme}`);
  }
  for (const place of ['everything', 'hosts']) {
    await show('dark', `#/view/${place}`, '[data-testid="map-nodes"] button');
    await stage.shot(place);
  }
} finally {
  close();
  await stage.strike();
}
