// A Scope plugin with one node, one metric and one control, that remembers what it was told.

import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

export class LampPlugin {
  constructor() {
    this.controls = [];
    this.lit = false;
    this.value = 10;
  }

  async listen(dir, host) {
    this.node = `${host};<host>`;
    await mkdir(join(dir, 'lamp'), { recursive: true, mode: 0o700 });
    this.server = createServer((request, response) => this.serve(request, response));
    await new Promise((resolve) => this.server.listen(join(dir, 'lamp', 'lamp.sock'), resolve));
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  serve(request, response) {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const answer = request.url.startsWith('/control') ? this.control(JSON.parse(Buffer.concat(chunks))) : this.report();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
  }

  control(order) {
    this.controls.push(order);
    this.lit = order.Control === 'light';
    return { shortcutReport: this.report() };
  }

  report() {
    const now = new Date().toISOString();
    this.value = this.lit ? 90 : 10 + ((this.value + 3) % 20);
    const state = (dead) => ({ timestamp: now, value: { dead } });
    return {
      Host: {
        nodes: {
          [this.node]: {
            metrics: { brightness: { samples: [{ date: now, value: this.value }], min: 0, max: 100 } },
            latestControls: { light: state(this.lit), darken: state(!this.lit) },
          },
        },
        metric_templates: {
          brightness: { id: 'brightness', label: 'Brightness', format: 'percent', priority: 0.1 },
        },
        controls: {
          light: { id: 'light', human: 'Light the lamp', icon: 'fa-futbol-o', rank: 1 },
          darken: { id: 'darken', human: 'Darken the lamp', icon: 'fa-moon-o', rank: 2, confirmation: 'Darken the lamp?' },
        },
      },
      Plugins: [
        { id: 'lamp', label: 'Lamp', description: 'Lights a lamp', interfaces: ['reporter', 'controller'], api_version: '1' },
      ],
    };
  }
}
