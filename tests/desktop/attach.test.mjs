// A window whose data directory belongs to `orrery serve` shows that instance, and leaves it running.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Stage, until } from './lib/stage.mjs';

let stage;
let server;

before(async () => {
  stage = await Stage.set();
  server = stage.start(join(dirname(stage.binary), 'orrery'), ['serve', '--data', stage.data, '--plugins', stage.plugins, '--no-listen']);
  await until('the instance socket', () => existsSync(join(stage.data, 'run/instance.sock')));
}, { timeout: 60_000 });

after(() => stage?.strike(), { timeout: 60_000 });

test('the window attaches, shows the instance and presses its controls', { timeout: 120_000 }, async () => {
  const window = await stage.open();
  await window.click('[data-testid="topology-hosts"]', 60_000);
  await window.click('[data-testid="map-nodes"] button', 30_000);
  await window.click('[data-testid="control-lamp~light"]', 30_000);
  await until('the plugin to be told', () => stage.lamp.controls.length === 1);
  await window.wait('[data-testid="control-lamp~darken"]');
  await window.close();
  stage.driver = undefined;
  await new Promise((done) => setTimeout(done, 500));
  assert.equal(server.exitCode, null, 'the instance goes on without the window');
  assert.ok(existsSync(join(stage.data, 'run/instance.sock')), 'and keeps its socket');
});
