// A small shop of real processes with real connections between them, for pictures with something to see.

import { spawn } from 'node:child_process';

/** Name, port it serves on, and the ports it keeps connections to, with how many each. */
const SERVICES = [
  ['postgres', 15432, []],
  ['redis', 16379, []],
  ['mailpit', 11025, []],
  ['shop-api', 18081, [[15432, 4], [16379, 3]]],
  ['shop-api', 18082, [[15432, 3], [16379, 2]]],
  ['shop-worker', 18090, [[16379, 2], [15432, 1], [11025, 1]]],
  ['shop-web', 18080, [[18081, 5], [18082, 5]]],
  ['prometheus', 19090, [[18081, 1], [18082, 1], [18080, 1], [18090, 1]]],
  ['grafana', 13000, [[19090, 2]]],
  ['browser', 0, [[18080, 6], [13000, 2]]],
];

const PROGRAM = `
const net = require('node:net');
const [port, upstreams, busy] = JSON.parse(process.argv[1]);
if (port) net.createServer((s) => { s.on('data', () => s.write(Buffer.alloc(2048))); s.on('error', () => {}); }).listen(port, '127.0.0.1');
const dial = (to) => {
  const s = net.connect(to, '127.0.0.1');
  const beat = setInterval(() => s.write(Buffer.alloc(512)), 120 + Math.random() * 400);
  s.on('data', () => {}); s.on('error', () => {});
  s.on('close', () => { clearInterval(beat); setTimeout(dial, 500, to); });
};
for (const [to, count] of upstreams) for (let n = 0; n < count; n += 1) dial(to);
if (busy) setInterval(() => { const end = Date.now() + busy; while (Date.now() < end); }, 100);
`;

/** Starts it; the answer stops it. */
export function openShop() {
  const busy = { 'shop-api': 14, postgres: 9, 'shop-web': 4, prometheus: 6 };
  const children = SERVICES.map(([name, port, upstreams]) =>
    spawn(process.execPath, ['-e', PROGRAM, JSON.stringify([port, upstreams, busy[name] ?? 0])], { argv0: name, stdio: 'ignore' }),
  );
  return () => {
    for (const child of children) child.kill();
  };
}
