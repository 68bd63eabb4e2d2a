// A real `orrery serve` with directories of its own, and packages to install into it.

import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { packLantern } from '../../desktop/lib/package.mjs';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const built = join(target, process.env.ORRERY_TEST_PROFILE ?? 'debug');
const orrery = join(built, 'orrery');
/** Longest wait for an engine to say where it listens, in milliseconds. */
const START_MS = 90_000;

export class Engine {
  static async start() {
    const engine = new Engine();
    engine.dir = mkdtempSync(join(tmpdir(), 'orrery-browser-'));
    engine.data = join(engine.dir, 'data');
    engine.sockets = join(engine.dir, 'sockets');
    engine.packages = join(engine.dir, 'packages');
    engine.bundle = join(engine.dir, 'bundle');
    mkdirSync(engine.sockets, { mode: 0o700 });
    mkdirSync(engine.packages);
    engine.port = await freePort();
    await engine.packExample();
    engine.lantern = packLantern(orrery, engine.packages, '1.0.0', 'dim');
    await engine.up();
    return engine;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The example that a new installation begins with. */
  async packExample() {
    const source = join(this.dir, 'iowait');
    mkdirSync(join(source, 'bin'), { recursive: true });
    copyFileSync(join(root, 'plugins-examples/iowait/plugin.toml'), join(source, 'plugin.toml'));
    copyFileSync(join(built, 'iowait'), join(source, 'bin/iowait'));
    mkdirSync(this.bundle);
    await execute(orrery, ['plugin', 'pack', source, '--out', this.bundle]);
  }

  /** Starts it, on the port that it had before; `more` are further words of the command. */
  async up(...more) {
    const args = ['serve', '--data', this.data, '--plugins', this.sockets, '--bundle', this.bundle, '--listen', `127.0.0.1:${this.port}`, ...more];
    this.process = spawn(orrery, args, { stdio: ['ignore', 'pipe', process.env.ORRERY_TEST_VERBOSE ? 'inherit' : 'ignore'] });
    const { process: started } = this;
    await new Promise((done, fail) => {
      const late = setTimeout(() => fail(new Error(`orrery serve said nothing within ${START_MS} ms`)), START_MS);
      createInterface(started.stdout).once('line', () => {
        clearTimeout(late);
        done();
      });
      started.once('error', fail);
      started.once('exit', (code) => fail(new Error(`orrery serve ended with ${code}`)));
    });
  }

  /** Ends it and waits for the end. */
  async down() {
    const { process: running } = this;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((done) => running.once('exit', done));
    running.kill('SIGTERM');
    await ended;
  }

  async command(...args) {
    const { stdout } = await execute(orrery, [...args, '--data', this.data]);
    return stdout.trim();
  }

  /** An address that lets a browser in, once. */
  async link() {
    const said = await this.command('token', '--open');
    return /http:\S+/.exec(said)?.[0] ?? '';
  }

  /** Sends a manifest or an order as the owner, past the window. */
  async post(path, body = '') {
    const headers = { Authorization: `Bearer ${await this.command('token')}`, 'Content-Type': 'application/yaml' };
    const answer = await fetch(`${this.url}${path}`, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async close() {
    await this.down();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
