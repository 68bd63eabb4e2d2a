// What plugins serve and who did what, in the real window: the same addresses as a browser's, through the socket.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Stage } from './lib/stage.mjs';

const execute = promisify(execFile);
const SLOW = 60_000;
let stage;
let window;

const declared = (name, type = 'route') => `apiVersion: aggregation.orrery/v1alpha1
kind: DataPlaneService
metadata:
  name: ${name}
spec:
  pluginID: lamp
  group: ${name}.example
  version: v1
  services:
    - type: ${type}
      method: GET
      path: /report
`;

before(async () => {
  stage = await Stage.set();
  window = await stage.open();
}, { timeout: 180_000 });

after(() => stage?.strike(), { timeout: 60_000 });

/** Puts a whole text into the editor, as pasting does. */
async function write(text) {
  await window.wait('[data-testid="apply-text"]');
  await window.run('const area = document.querySelector(\'[data-testid="apply-text"]\'); area.focus(); area.value = arguments[0]; area.dispatchEvent(new Event("input", { bubbles: true }))', text);
}

const orrery = (...args) => execute(join(dirname(stage.binary), 'orrery'), ['--data', stage.data, ...args]);

test('a service is applied, its faults told beside the text', { timeout: 180_000 }, async () => {
  await window.click('[data-testid="open-services"]', SLOW);
  await window.click('[data-testid="service-apply"]', SLOW);
  await write(declared('lamp', 'rout'));
  await window.click('[data-testid="apply-go"]');
  await window.until('the fault with its line', async () => /spec\.services\[0\]\.type.*line 10/s.test(await window.text('[data-testid="apply-error"]')), SLOW);
  await stage.shot('service-faults');
  await write(declared('lamp'));
  await window.click('[data-testid="apply-go"]');
  await window.wait('[data-testid="service-lamp"][data-state="Available"]', SLOW);
  await window.until('its conditions', async () => (await window.text('[data-testid="condition-Accepted"]')).includes('Valid'), SLOW);
  await stage.shot('service');
});

test('what others change arrives by itself', { timeout: 120_000 }, async () => {
  await window.wait('[data-testid="services-page"][data-following="true"]', SLOW);
  const file = join(stage.dir, 'afar.yaml');
  writeFileSync(file, declared('afar'));
  await orrery('service', 'apply', '-f', file);
  await window.wait('[data-testid="service-afar"][data-state="Available"]', SLOW);
  await orrery('service', 'delete', 'afar');
  await window.until('it to go', async () => (await window.find('[data-testid="service-afar"]')).length === 0, SLOW);
});

test('it is deleted after a question, and the audit log has it all', { timeout: 120_000 }, async () => {
  await window.click('[data-testid="service-delete"]');
  await window.until('the question', async () => (await window.text('[data-testid="confirm"]')).includes('Delete lamp'));
  await window.click('[data-testid="confirm-yes"]');
  await window.wait('[data-testid="services-empty"]', SLOW);
  await window.click('[data-testid="page-audit"]');
  await window.wait('[data-testid="audit-entry"][data-what="delete service"][data-result="done"]', SLOW);
  const text = await window.text('[data-testid="audit-list"]');
  assert.match(text, /Apply services/);
  await stage.shot('audit');
});
