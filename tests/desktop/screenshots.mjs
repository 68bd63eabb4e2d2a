// Takes the README's pictures from the real window: a shop of real processes, the iowait example, dark and light.

import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openShop } from './lib/shop.mjs';
import { Stage } from './lib/stage.mjs';

const pictures = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'docs/pictures');
mkdirSync(pictures, { recursive: true });

const close = openShop();
const stage = await Stage.set({ lamp: false });
try {
  stage.start(join(dirname(stage.binary), 'iowait'), ['--plugins', stage.plugins]);
  const window = await stage.open();
  await window.wait('[data-testid="map-nodes"] button', 60_000);
  const seconds = Number(process.env.ORRERY_SETTLE_S ?? 60);
  await new Promise((done) => setTimeout(done, seconds * 1_000));
  for (const theme of ['dark', 'light']) {
    await window.run(`localStorage.setItem('orrery.theme', ${JSON.stringify(JSON.stringify(theme))}); location.hash = '#/view/processes'; location.reload()`);
    await window.wait('[data-testid="map-nodes"] button[aria-label*="shop-api"]', 30_000);
    await window.click('[data-testid="map-nodes"] button[aria-label*="shop-api"]');
    await window.wait('[data-testid="card-title"]');
    await new Promise((done) => setTimeout(done, 3_000));
    copyFileSync(await stage.shot(`main-${theme}`), join(pictures, `main-${theme}.png`));
  }
  for (const place of ['everything', 'hosts']) {
    await window.run(`location.hash = '#/view/${place}'`);
    await new Promise((done) => setTimeout(done, 2_500));
    await stage.shot(place);
  }
} finally {
  close();
  await stage.strike();
}
