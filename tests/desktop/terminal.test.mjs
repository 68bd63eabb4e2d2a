// A terminal in the real window: a remote Scope probe's control opens a shell, and keys typed here run there.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { RemoteProbe } from './lib/remote-probe.mjs';
import { freePort, Stage, until } from './lib/stage.mjs';

const token = '0123456789abcdef0123';
const keys = '[data-testid="terminal"] textarea';
let stage;
let probe;
let window;

before(async () => {
  stage = await Stage.set({ lamp: false });
  const address = `127.0.0.1:${await freePort()}`;
  stage.start(join(dirname(stage.binary), 'orrery'), ['serve', '--data', stage.data, '--plugins', stage.plugins, '--no-probes', '--listen', address, '--token', token]);
  probe = new RemoteProbe(address, token);
  await until('the probe to be connected', async () => {
    await probe.start();
    return true;
  });
  window = await stage.open();
}, { timeout: 120_000 });

after(async () => {
  probe?.stop();
  await stage?.strike();
}, { timeout: 60_000 });

test('a control of a remote host opens a shell in the window', { timeout: 120_000 }, async () => {
  await window.click('[data-testid="topology-hosts"]', 60_000);
  await window.click('[data-testid="map-nodes"] button[aria-label*="farhost"]', 30_000);
  await window.click('[data-testid="control-host_exec"]', 30_000);
  await window.until('the shell to greet', async () => (await window.text('[data-testid="terminal"]')).includes('welcome to farhost'));
});

test('what is typed runs there, and what it says is shown here', { timeout: 60_000 }, async () => {
  await window.type(keys, 'echo $((6 * 7))\n');
  await window.until('the answer', async () => (await window.text('[data-testid="terminal"]')).includes('42'));
  await stage.shot('terminal');
});

test('the end of the shell is told', { timeout: 60_000 }, async () => {
  await window.type(keys, 'exit\n');
  await window.until('the end', async () => (await window.text('[data-testid="terminal-link"]')).includes('closed'));
  assert.equal(probe.shells.length, 1);
  await window.click('[data-testid="terminal-close-ended"]');
  await window.until('the terminal to go', async () => (await window.find('[data-testid="terminal"]')).length === 0);
});
