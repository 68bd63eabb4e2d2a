// The real window under a virtual display, driven through WebKitWebDriver: what a person does in the first
// minute, from a plugin's socket to a node clicked, acted on, remembered and exported.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { host, Stage, until } from './lib/stage.mjs';

const node = `${host};<host>`;
let stage;
let window;

before(async () => {
  stage = await Stage.set();
  window = await stage.open();
}, { timeout: 180_000 });

after(() => stage?.strike(), { timeout: 60_000 });

test('the window shows this machine and the plugin', { timeout: 90_000 }, async () => {
  await window.wait('[data-testid="map"]', 60_000);
  await window.click('[data-testid="topology-hosts"]');
  await until('the plugin to be listed', async () => (await window.text('[data-testid="plugin-strip"]')).includes('lamp'));
  await window.wait('[data-testid="map-nodes"] button', 30_000);
});

test('a click on the node opens its details, with the plugin\'s metric and control', { timeout: 60_000 }, async () => {
  await window.click(`[data-testid="map-nodes"] button[aria-label*="${host}"]`, 30_000);
  await window.until('the card', async () => (await window.text('[data-testid="card-title"]')).includes(host.split('.')[0]));
  await window.wait('[data-testid="metric-brightness"]');
  await window.wait('[data-testid="control-lamp~light"]');
  assert.ok((await window.text('[data-testid="card"]')).includes(node), 'the node id is shown');
  await stage.shot('details');
});

test('a control reaches the plugin, and its effect is on screen', { timeout: 60_000 }, async () => {
  await window.click('[data-testid="control-lamp~light"]');
  await until('the plugin to be told', () => stage.lamp.controls.length === 1);
  const [order] = stage.lamp.controls;
  assert.equal(order.Control, 'light', 'the control goes without the plugin\'s prefix');
  assert.equal(order.NodeID, node);
  await window.wait('[data-testid="control-lamp~darken"]');
  await window.until('the lit control to leave', async () => (await window.find('[data-testid="control-lamp~light"]')).length === 0);
  await window.until('the new value', async () => (await window.text('[data-testid="metric-brightness"]')).includes('90'));
});

test('a control with a confirmation asks first', { timeout: 60_000 }, async () => {
  await window.click('[data-testid="control-lamp~darken"]');
  await window.wait('[data-testid="confirm"]');
  assert.equal(stage.lamp.controls.length, 1, 'nothing is done before the answer');
  await window.click('[data-testid="confirm-no"]');
  await window.until('the question to close', async () => (await window.find('[data-testid="confirm"]')).length === 0);
  assert.equal(stage.lamp.controls.length, 1, 'no is no');
  await window.click('[data-testid="control-lamp~darken"]');
  await window.click('[data-testid="confirm-yes"]');
  await until('the plugin to be told', () => stage.lamp.controls.length === 2);
});

test('the sparkline moves', { timeout: 60_000 }, async () => {
  const picture = () => window.run('return document.querySelector(\'[data-testid="metric-brightness"] canvas\')?.toDataURL() ?? ""');
  const first = await window.until('a sparkline', picture);
  await window.until('another picture', async () => (await picture()) !== first);
});

test('the history chart holds the points', { timeout: 60_000 }, async () => {
  await window.click('[data-testid="metric-brightness"]');
  await window.wait('[data-testid="history"]');
  const points = async () => Number((/(\d+)\s*(?:points|samples|values)/.exec(await window.text('[data-testid="history-summary"]')) ?? [])[1] ?? 0);
  await window.until('points in the history', async () => (await points()) >= 5, 40_000);
  await stage.shot('history');
});

test('the report is exported through the save dialog', { timeout: 90_000 }, async () => {
  const file = join(stage.dir, 'exported.json');
  await window.click('[data-testid="export"]');
  await window.click('[data-testid="export-report"]');
  await stage.answerFileDialog('Save|Export|File', file, { keys: ['ctrl+a'], photo: 'save-dialog' });
  await until('the file', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('}'), 30_000);
  const report = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(report.Host.nodes[node].metrics.brightness.samples.length > 0, 'it holds the plugin\'s metric');
  assert.ok(Object.keys(report.Process.nodes).length > 0, 'and the machine\'s processes');
});

test('the mixed view, the table and the plugins page draw', { timeout: 90_000 }, async () => {
  await window.run('location.hash = ""');
  await window.click('[data-testid="topology-processes"]');
  await window.wait('[data-testid="map-nodes"] button', 30_000);
  await stage.shot('processes');
  await window.click('[data-testid="choose-table"]');
  await window.wait('[data-testid="node-row"]');
  await stage.shot('table');
  await window.click('[data-testid="open-plugins"]');
  await window.wait('[data-testid="plugins-page"]');
  await window.until('the plugin in the list', async () => (await window.text('[data-testid="plugins-page"]')).includes('Lamp'));
  await stage.shot('plugins');
});

test('a second start raises the first window and ends', { timeout: 60_000 }, async () => {
  const second = spawn(stage.binary, ['--data', stage.data, '--plugins', stage.plugins], {
    env: { ...process.env, DISPLAY: stage.display, WAYLAND_DISPLAY: '' },
    stdio: 'ignore',
  });
  const [code] = await once(second, 'exit');
  assert.equal(code, 0, 'it ends at once, and well');
});
