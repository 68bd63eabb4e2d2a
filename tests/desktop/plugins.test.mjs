// The life of a plugin in the real window: installed from a file, killed, upgraded, rolled back, configured, removed.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { packLantern, serveFiles } from './lib/package.mjs';
import { Stage, until } from './lib/stage.mjs';

const row = '[data-testid="plugin-lantern"]';
const running = `${row}[data-state="running"]`;
const detail = '[data-testid="plugin-detail"]';
const notice = '[data-testid="notice"]';
const watched = 'config/plugins.d';
const SLOW = 60_000;
let stage;
let window;
let packages;
let files;

before(async () => {
  stage = await Stage.set({ lamp: false });
  packages = join(stage.dir, 'packages');
  mkdirSync(packages);
  mkdirSync(join(stage.data, watched), { recursive: true });
  const orrery = join(dirname(stage.binary), 'orrery');
  for (const [version, mood] of [['1.0.0', 'dim'], ['1.1.0', 'bright'], ['1.2.0', 'broken']]) packLantern(orrery, packages, version, mood);
  files = await serveFiles(packages);
  window = await stage.open();
}, { timeout: 180_000 });

after(async () => {
  await stage?.strike();
  await files?.close();
}, { timeout: 60_000 });

const tab = async (name) => {
  await window.click(`[data-testid="tab-${name}"]`);
};

/** The plugin's process as the window shows it; 0 while there is none. */
const pid = async () => Number((await window.find('[data-testid="plugin-pid"]')).length > 0 ? await window.text('[data-testid="plugin-pid"]') : 0);

const lives = (process_) => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${process_}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function installFrom(address) {
  await window.click('[data-testid="install"]');
  await window.click('[data-testid="choose-url"]');
  await window.fill('[data-testid="install-url"]', address);
  await window.click('[data-testid="install-go"]');
}

async function inForce(version) {
  await window.until(`${version} in force`, async () => (await window.text('[data-testid="revision-current"]')).startsWith(version), SLOW);
}

test('a package is installed from a file, and its node is on the map', { timeout: 180_000 }, async () => {
  await window.click('[data-testid="open-plugins"]', SLOW);
  await window.wait('[data-testid="plugins-empty"]', SLOW);
  await window.click('[data-testid="install-file"]');
  await stage.answerFileDialog('Open|File', join(packages, 'lantern-1.0.0.tar.gz'));
  await window.wait(running, SLOW);
  await window.until('its first report', async () => /\bOk\b/.test(await window.text(row)), SLOW);
  await window.click(`${row} td`);
  await window.wait(detail);
  await stage.shot('plugin-installed');
  await window.run('location.hash = "#/view/hosts"');
  await window.wait('[data-testid="map-nodes"] button[aria-label*="lanternhost"]', SLOW);
  await window.run('location.hash = "#/plugins?plugin=lantern"');
  await window.wait(detail);
});

test('killed from outside it comes back, and its end is told', { timeout: 120_000 }, async () => {
  const first = await window.until('its process', pid, SLOW);
  assert.ok(lives(first));
  process.kill(first, 'SIGKILL');
  await window.until('another process', async () => {
    const now = await pid();
    return now > 0 && now !== first;
  }, SLOW);
  await window.wait(running, SLOW);
  assert.match(await window.text('[data-testid="last-exit"]'), /SIGKILL|signal 9/);
  await tab('activity');
  await window.wait(`${detail} [data-testid="event"]`, SLOW);
  await stage.shot('plugin-activity');
});

test('an upgrade takes over, and one that fails leaves the old one', { timeout: 240_000 }, async () => {
  await tab('revisions');
  await installFrom(`${files.url}/lantern-1.1.0.tar.gz`);
  await inForce('1.1.0');
  await window.wait(running, SLOW);
  await window.wait('[data-testid="revision-1.0.0"]', SLOW);
  await installFrom(`${files.url}/lantern-1.2.0.tar.gz`);
  await window.wait('[data-testid="revision-failure"]', SLOW);
  await inForce('1.1.0');
  await window.click('[data-testid="revision-pending"] [data-testid="output"]');
  await window.until('what it wrote', async () => (await window.text('[data-testid="revision-pending"]')).includes('there is no wick'));
  await stage.shot('plugin-revisions');
  await window.click('[data-testid="revision-failure-dismiss"]');
  await window.until('the failed revision to go', async () => (await window.find('[data-testid="revision-pending"]')).length === 0, SLOW);
});

test('it is rolled back', { timeout: 120_000 }, async () => {
  await window.click('[data-testid="rollback-1.0.0"]', SLOW);
  await window.click('[data-testid="confirm-yes"]');
  await inForce('1.0.0');
  await window.wait(running, SLOW);
});

test('its config is checked at the fields, saved, and reaches it', { timeout: 120_000 }, async () => {
  await tab('config');
  await window.fill('[data-testid="input-brightness"]', '900');
  await window.fill('[data-testid="input-oil"]', 'hunter2');
  await window.click('[data-testid="config-save"]');
  const said = await window.until('both errors', async () => {
    const text = await window.text('[data-testid="config-form"]');
    return text.includes('Between 1 and 100.') && text.includes('env:NAME') ? text : '';
  });
  assert.match(said, /2 fields to correct/);
  await stage.shot('plugin-config-errors');
  await window.fill('[data-testid="input-brightness"]', '70');
  await window.fill('[data-testid="input-oil"]', '');
  await window.click('[data-testid="config-save"]');
  await window.until('nothing left to save', async () => (await window.run('return document.querySelector(\'[data-testid="config-discard"]\')?.disabled')) === true, SLOW);
  await window.wait(running, SLOW);
  await tab('log');
  await window.until('the config in what it wrote', async () => /config:.*brightness.*70/.test(await window.text('[data-testid="log"]')), SLOW);
  await stage.shot('plugin-log');
});

test('what is no package is not taken, and the reason is told', { timeout: 60_000 }, async () => {
  writeFileSync(join(stage.data, watched, 'torn-1.0.0.tar.gz'), readFileSync(join(packages, 'lantern-1.1.0.tar.gz')).subarray(0, 200));
  await window.until('the refused file', async () => (await window.text('[data-testid="rejected"]')).includes('torn-1.0.0.tar.gz'), SLOW);
  await stage.shot('plugin-rejected');
});

test('it is stopped, started, and removed after a question', { timeout: 180_000 }, async () => {
  await tab('overview');
  await window.click('[data-testid="order-stop"]', SLOW);
  await window.wait(`${row}[data-state="stopped"]`, SLOW);
  await window.click('[data-testid="order-start"]', SLOW);
  await window.wait(running, SLOW);
  const last = await window.until('its process', pid, SLOW);
  await window.click('[data-testid="order-more"]');
  await window.click('[data-testid="order-remove"]');
  await window.until('the question', async () => (await window.text('[data-testid="confirm"]')).includes('Remove Lantern'));
  await window.click('[data-testid="confirm-yes"]');
  await window.until('it to leave the list', async () => (await window.find(row)).length === 0, SLOW);
  await until('its process to be gone', () => !lives(last), SLOW);
  await window.wait(notice);
  await stage.shot('plugin-removed');
});
