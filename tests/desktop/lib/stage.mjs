// Everything the window test needs around the window: a display, a plugin, a driver, the window itself.

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LampPlugin } from './plugin.mjs';
import { Driver } from './webdriver.mjs';

const execute = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const profile = process.env.ORRERY_TEST_PROFILE ?? 'debug';
export const shots = join(target, 'screenshots');
export const host = hostname();

export class Stage {
  static async set({ width = 1440, height = 900, lamp = true } = {}) {
    const stage = new Stage();
    stage.children = [];
    stage.dir = mkdtempSync(join(tmpdir(), 'orrery-window-'));
    stage.plugins = join(stage.dir, 'plugins');
    mkdirSync(stage.plugins, { mode: 0o700 });
    mkdirSync(shots, { recursive: true });
    stage.display = await stage.startDisplay(width, height);
    if (lamp) {
      stage.lamp = new LampPlugin();
      await stage.lamp.listen(stage.plugins, host);
    }
    const port = await freePort();
    stage.start('WebKitWebDriver', [`--port=${port}`], {
      TAURI_AUTOMATION: 'true',
      TAURI_WEBVIEW_AUTOMATION: 'true',
      WEBKIT_DISABLE_DMABUF_RENDERER: '1',
      GTK_USE_PORTAL: '0',
    });
    stage.driverUrl = `http://127.0.0.1:${port}`;
    await until('the driver', async () => (await fetch(`${stage.driverUrl}/status`)).ok);
    return stage;
  }

  get binary() {
    return join(target, profile, 'orrery-desktop');
  }

  get data() {
    return join(this.dir, 'data');
  }

  async open(...more) {
    this.driver = await Driver.open(this.driverUrl, this.binary, ['--data', this.data, '--plugins', this.plugins, ...more]);
    return this.driver;
  }

  start(program, args, env = {}) {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', process.env.ORRERY_TEST_VERBOSE ? 'inherit' : 'ignore'],
      env: { ...process.env, DISPLAY: this.display, WAYLAND_DISPLAY: '', ...env },
    });
    this.children.push(child);
    return child;
  }

  async startDisplay(width, height) {
    const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.children.push(child);
    const number = await new Promise((done, fail) => {
      child.stdio[3].once('data', (data) => done(data.toString().trim()));
      child.once('error', fail);
      child.once('exit', (code) => fail(new Error(`Xvfb ended with ${code}`)));
    });
    return `:${number}`;
  }

  /** Never blocks: the plugin answers from this process. */
  async xdotool(...args) {
    const { stdout } = await execute('xdotool', args, { env: { ...process.env, DISPLAY: this.display } });
    return stdout.trim();
  }

  /**
   * Gives a native file dialog a path and waits until it is closed. `keys` bring its text field to the front, empty.
   * A dialog that is still being made loses keys, and one that still looks the path up loses Return: both are
   * pressed again.
   */
  async answerFileDialog(title, path, { keys = ['ctrl+l', 'ctrl+a'], photo = 'file-dialog' } = {}) {
    const search = async () => (await this.xdotool('search', '--onlyvisible', '--name', title)).split('\n').filter(Boolean).pop();
    const dialog = await until('the file dialog', search, 30_000);
    for (let tries = 1; ; tries += 1) {
      await this.xdotool('windowfocus', '--sync', dialog);
      for (const key of keys) await this.xdotool('key', '--window', dialog, key);
      await this.xdotool('type', '--window', dialog, '--delay', '20', path);
      await this.photograph(photo);
      let pressed = 0;
      const gone = async () => {
        if (!(await search().catch(() => ''))) return true;
        if (Date.now() - pressed > 1_000) {
          pressed = Date.now();
          await this.xdotool('key', '--window', dialog, 'Return');
        }
        return false;
      };
      try {
        return await until('the file dialog to close', gone, 6_000);
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
  }

  /** The whole screen, native dialogs included. */
  async photograph(name) {
    const file = join(shots, `${name}.png`);
    await execute('import', ['-window', 'root', file], { env: { ...process.env, DISPLAY: this.display } });
    return file;
  }

  async shot(name) {
    const file = join(shots, `${name}.png`);
    // A picture can be one frame old: wait for two frames and a little.
    await this.driver.run('return new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 150))))');
    writeFileSync(file, await this.driver.screenshot());
    return file;
  }

  async strike() {
    try {
      await this.driver?.close();
    } catch {
      // The window may be gone already.
    }
    await this.lamp?.close();
    for (const child of this.children.reverse()) {
      child.kill();
      await new Promise((done) => (child.exitCode !== null || child.signalCode ? done() : child.once('exit', done)));
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function until(what, probe, timeout = 20_000) {
  const end = Date.now() + timeout;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch {
      // Not yet.
    }
    if (Date.now() > end) throw new Error(`waited ${timeout} ms for ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

export function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
