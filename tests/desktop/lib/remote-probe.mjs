// A Scope probe on another host: it reports, waits for controls as Go's net/rpc does, and opens shells.

import { spawn } from 'node:child_process';
import WebSocket from '../../../ui/node_modules/ws/wrapper.mjs';

const REPORT_EVERY_MS = 2_000;

export class RemoteProbe {
  constructor(address, token) {
    this.address = address;
    this.id = 'c0ffee5ca1ab1e';
    this.headers = { authorization: `Scope-Probe token=${token}`, 'x-scope-probe-id': this.id };
    this.shells = [];
  }

  async start() {
    await this.report();
    this.timer = setInterval(() => this.report().catch(() => {}), REPORT_EVERY_MS);
    this.link = this.dial('/api/control/ws');
    await new Promise((open, fail) => this.link.once('open', open).once('error', fail));
    // A call is two messages: who and what.
    let seq;
    this.link.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.Request) seq = message.Request.Seq;
      else this.answer(seq, this.control(message.Value));
    });
  }

  stop() {
    clearInterval(this.timer);
    this.link?.terminate();
    for (const shell of this.shells) shell.kill();
  }

  dial(path) {
    return new WebSocket(`ws://${this.address}${path}`, { headers: this.headers });
  }

  answer(seq, value) {
    this.link.send(JSON.stringify({ Request: null, Response: { ServiceMethod: 'control.Handle', Seq: seq, Error: '' }, Value: null }));
    this.link.send(JSON.stringify({ Request: null, Response: null, Value: value }));
  }

  control(order) {
    if (order.Control !== 'host_exec') return { error: `no such control: ${order.Control}` };
    const pipe = `pipe-${this.shells.length + 1}`;
    this.serveShell(pipe);
    return { pipe, raw_tty: false };
  }

  serveShell(pipe) {
    const far = this.dial(`/api/pipe/${pipe}/probe`);
    const shell = spawn('/bin/sh', [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.shells.push(shell);
    far.on('message', (data) => shell.stdin.write(data));
    far.once('open', () => {
      far.send('welcome to farhost\r\n');
      shell.stdout.on('data', (data) => far.send(data.toString().replaceAll('\n', '\r\n')));
    });
    shell.once('exit', async () => {
      await fetch(`http://${this.address}/api/pipe/${pipe}`, { method: 'DELETE', headers: this.headers });
      far.close();
    });
  }

  async report() {
    const timestamp = new Date().toISOString();
    const latest = (facts) => Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, { timestamp, value }]));
    const body = JSON.stringify({
      Host: {
        nodes: {
          'farhost;<host>': {
            id: 'farhost;<host>',
            topology: 'host',
            latest: latest({ host_name: 'farhost', control_probe_id: this.id, ts: timestamp, active_controls: 'host_exec' }),
          },
        },
        controls: { host_exec: { id: 'host_exec', human: 'Exec shell', icon: 'fa fa-terminal', rank: 0 } },
      },
    });
    const response = await fetch(`http://${this.address}/api/report`, {
      method: 'POST',
      headers: { ...this.headers, 'content-type': 'application/json' },
      body,
    });
    if (!response.ok) throw new Error(`the report is answered by ${response.status}`);
  }
}
