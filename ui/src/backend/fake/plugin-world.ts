import type { LogLine } from '../../generated/LogLine';
import type { LogPage } from '../../generated/LogPage';
import type { ManagedPlugin } from '../../generated/ManagedPlugin';
import type { OperationView } from '../../generated/OperationView';
import type { PackageSource } from '../../generated/PackageSource';
import type { PluginOrder } from '../../generated/PluginOrder';
import type { StepView } from '../../generated/StepView';
import type { UsagePoint } from '../../generated/UsagePoint';
import { apiError } from '../backend';
import { LOADS, managed, managedPlugins, revision, usagePoints } from './managed';

const BACKOFF_MS = 32_000;
const MIB = 1024 ** 2;
/** How long each step takes, in milliseconds. */
const STEP_MS: Record<string, number> = { fetch: 3200, verify: 300, unpack: 1600, start: 1200, switch: 300, probation: 1400, stop: 500, delete: 400, commit: 200 };
const STEPS: Record<string, string[]> = {
  install: ['fetch', 'verify', 'unpack', 'start', 'commit'],
  upgrade: ['fetch', 'verify', 'unpack', 'start', 'switch', 'probation', 'commit'],
  rollback: ['start', 'switch', 'commit'],
  remove: ['stop', 'delete', 'commit'],
  configure: ['start', 'switch', 'commit'],
};
const PACKAGE_BYTES = 6.8 * MIB;

interface Job {
  operation: OperationView;
  startedMs: number;
  /** How fast: 1 is the usual. */
  pace: number;
  /** Why it is to fail in its last step but one; empty when it is not. */
  failure: string;
  finish: () => void;
}

/** Plugins and the orders that change them, played by a clock. */
export class PluginWorld {
  #plugins = new Map<string, ManagedPlugin>(managedPlugins().map((plugin) => [plugin.id, plugin]));
  #jobs: Job[] = [];
  #nextTry = Date.now() + 24_000;
  #loaded = Date.now();
  #next = 1;

  constructor() {
    // A slow install is under way when the window opens.
    const slow = this.#begin('install', 'gpu-nvml', 24, '', () => this.#add('gpu-nvml', 'NVIDIA GPUs', '0.3.1'));
    slow.startedMs -= 100_000;
  }

  list(): ManagedPlugin[] {
    const now = Date.now();
    this.#advance(now);
    return [...this.#plugins.values()].map((plugin) => this.#shown(plugin, now));
  }

  operations(limit: number): OperationView[] {
    this.#advance(Date.now());
    return this.#jobs.map((job) => job.operation).reverse().slice(0, limit);
  }

  order(order: PluginOrder): OperationView {
    const now = Date.now();
    this.#advance(now);
    if (order.order === 'install' || order.order === 'load' || order.order === 'upgrade') return this.#install(order.source);
    const plugin = this.#plugins.get(order.plugin);
    if (!plugin) throw apiError('not_found', `There is no plugin ${order.plugin}.`);
    const running = this.#jobs.find((job) => job.operation.plugin === plugin.id && job.operation.state === 'running');
    if (running) throw apiError('conflict', `Operation ${running.operation.id} is under way for this plugin.`);
    return this.#order(order, plugin).operation;
  }

  cancel(id: string): OperationView {
    const job = this.#jobs.find((entry) => entry.operation.id === id);
    if (!job) throw apiError('not_found', `There is no operation ${id}.`);
    const steps = job.operation.steps.map((step) => (step.state === 'running' ? { ...step, state: 'failed' } : step));
    job.operation = { ...job.operation, state: 'cancelled', steps, ended_ms: Date.now(), cancellable: false, outcome: 'cancelled; nothing is left behind' };
    return job.operation;
  }

  usage(id: string, after: number): UsagePoint[] {
    const load = LOADS[id];
    const running = this.#plugins.get(id)?.instance.state === 'running';
    return load && running ? usagePoints(id, load[0], load[1], this.#plugins.get(id)?.instance.restarts ?? 0, after) : [];
  }

  logs(id: string, after: number, limit: number): LogPage {
    const all = this.#lines(id);
    const lines = all.filter((line) => line.seq > after).slice(-limit);
    return { lines, next: all.at(-1)?.seq ?? after, dropped: id === 'http-stats' ? 1204 : 0 };
  }

  #lines(id: string): LogLine[] {
    const plugin = this.#plugins.get(id);
    if (!plugin) throw apiError('not_found', `There is no plugin ${id}.`);
    const crashed = plugin.instance.last_exit;
    const texts = crashed ? [...crashed.last_lines, 'exit 101, next try in 32 s'] : [`${id} ${plugin.current?.version ?? ''} starting, pid ${plugin.instance.pid ?? 0}`, `listening on ${plugin.instance.socket}`, 'INFO  first report after 38 ms: 13 nodes'];
    const rounds = crashed ? 40 : 1;
    const lines: LogLine[] = [];
    const line = (at: number, text: string) => {
      const level = /^(ERROR|thread|\s+cannot)/.test(text) ? 'error' : /^WARN/.test(text) ? 'warn' : 'info';
      lines.push({ seq: lines.length + 1, at_ms: at, stream: /^(exit|\S+ [\d.]+ starting|listening)/.test(text) ? 'orrery' : 'stderr', level, text });
    };
    for (let round = rounds; round > 0; round -= 1) texts.forEach((text, at) => line(this.#loaded - round * BACKOFF_MS + at * 12, text));
    if (!crashed) for (let at = this.#loaded; at < Date.now(); at += 2000) line(at, `DEBUG report ${Math.round((at - this.#loaded) / 2000)}: 13 nodes, 2.3 kB, ${3 + (at % 7)} ms`);
    return lines.map((entry) => (entry.text.startsWith('DEBUG') ? { ...entry, level: 'debug' } : entry));
  }

  #install(source: PackageSource): OperationView {
    const name = source.from === 'index' ? source.plugin : ((source.from === 'file' ? source.path : source.from === 'url' ? source.url : source.upload).split('/').at(-1) ?? '');
    const match = /^(.*?)-(\d[\w.]*?)(?:\.tar.*|\.tgz)?$/.exec(name);
    const [id, version] = [match?.[1] ?? (name || 'net-flow'), match?.[2] ?? '1.0.0'];
    const failure = source.from === 'url' && source.sha256 ? `The package’s SHA-256 is ${revision(id, 0).sha256.slice(0, 12)}…, not the one given.` : '';
    const known = this.#plugins.get(id);
    const finish = () => {
      if (known) this.#change(id, { current: revision(version, 0), pending: null, retained: known.current ? [known.current, ...known.retained].slice(0, 2) : known.retained });
      else this.#add(id, id, version);
    };
    return this.#begin(known ? 'upgrade' : 'install', id, 1, failure, finish).operation;
  }

  #order(order: Exclude<PluginOrder, { order: 'install' | 'load' | 'upgrade' }>, plugin: ManagedPlugin): Job {
    const { id } = plugin;
    const run = (change: Partial<ManagedPlugin['instance']>) => this.#plugins.set(id, { ...plugin, instance: { ...plugin.instance, ...change } });
    switch (order.order) {
      case 'start':
      case 'restart':
        return this.#begin(order.order, id, 1, '', () => {
          if (plugin.instance.state === 'backoff') this.#nextTry = Date.now() + BACKOFF_MS;
          else run({ state: 'running', pid: 33_900, started_ms: Date.now(), since_ms: Date.now(), generation: plugin.instance.generation + 1, health: { state: 'ok', checks: [], streak: 0 } });
        });
      case 'stop':
        return this.#begin('stop', id, 1, '', () => run({ state: 'stopped', pid: null, next_try_ms: null, since_ms: Date.now(), reason: 'Stopped by ada.' }));
      case 'disable':
        return this.#begin('disable', id, 1, '', () => this.#plugins.set(id, { ...plugin, desired: 'disabled', instance: { ...plugin.instance, state: 'disabled', pid: null, usage: null, reason: '' } }));
      case 'enable':
        return this.#begin('enable', id, 1, '', () => this.#plugins.set(id, { ...plugin, desired: 'automatic', instance: { ...plugin.instance, state: 'running', pid: 34_010, started_ms: Date.now(), health: { state: 'ok', checks: [], streak: 0 } } }));
      case 'remove':
        return this.#begin('remove', id, 1, '', () => this.#plugins.delete(id));
      case 'reconfigure':
        return this.#begin('configure', id, 1, '', () => {});
      case 'dismiss':
        return this.#begin('dismiss', id, 1, '', () => this.#change(id, { pending: null }));
      case 'rollback': {
        const back = plugin.retained.find((entry) => entry.version === order.version) ?? plugin.retained[0];
        if (!back) throw apiError('conflict', 'No revision is kept to go back to.');
        return this.#begin('rollback', id, 1, '', () => {
          const retained = [...(plugin.current ? [plugin.current] : []), ...plugin.retained.filter((entry) => entry !== back)];
          this.#change(id, { current: back, retained });
        });
      }
      case 'configure': {
        const rate = (order.structured as Record<string, unknown> | null)?.sample_rate;
        const failure = rate === 13 ? 'sample_rate: 13 brings bad luck; ports: 8443 is taken' : '';
        return this.#begin('configure', id, 1, failure, () => this.#change(id, { config: { ...plugin.config, structured: order.structured, text: order.text, hash: revision(JSON.stringify(order), 0).sha256, rejected: '' } }));
      }
    }
  }

  #begin(kind: string, plugin: string, pace: number, failure: string, finish: () => void): Job {
    const steps = (STEPS[kind] ?? ['commit']).map((id): StepView => ({ id, state: 'waiting', text: '', done_bytes: null, total_bytes: null }));
    const now = Date.now();
    const job: Job = {
      operation: { id: `op-${this.#next++}`, kind, plugin, state: 'running', steps, ordered_ms: now, ended_ms: null, user: 'ada', outcome: '', code: '', retryable: false, cancellable: true },
      startedMs: now,
      pace,
      failure,
      finish,
    };
    this.#jobs.push(job);
    return job;
  }

  #advance(now: number): void {
    for (const job of this.#jobs) if (job.operation.state === 'running') this.#play(job, now);
    if (now > this.#nextTry) this.#nextTry = now + BACKOFF_MS;
  }

  #play(job: Job, now: number): void {
    let left = (now - job.startedMs) / job.pace;
    const stopAt = job.failure ? job.operation.steps.length - 2 : job.operation.steps.length;
    const steps = job.operation.steps.map((step, at): StepView => {
      const takes = STEP_MS[step.id] ?? 300;
      const share = Math.max(0, Math.min(1, left / takes));
      left -= takes;
      if (share <= 0) return step;
      if (share >= 1 && at >= stopAt) return { ...step, state: 'failed', text: job.failure };
      const bytes = step.id === 'fetch' || step.id === 'unpack' ? { done_bytes: Math.round(PACKAGE_BYTES * share), total_bytes: PACKAGE_BYTES } : {};
      return { ...step, ...bytes, state: share < 1 ? 'running' : 'done' };
    });
    const failed = steps.some((step) => step.state === 'failed');
    const done = steps.every((step) => step.state === 'done');
    job.operation = { ...job.operation, steps };
    if (!failed && !done) return;
    job.operation = { ...job.operation, state: failed ? 'failed' : 'done', ended_ms: now, cancellable: false, outcome: failed ? job.failure : 'done', code: failed ? 'refused' : '', retryable: failed };
    if (done) job.finish();
    else if (job.operation.kind === 'configure') this.#reject(job.operation.plugin, job.failure);
  }

  #reject(id: string, reason: string): void {
    const plugin = this.#plugins.get(id);
    if (plugin) this.#change(id, { config: { ...plugin.config, rejected: reason } });
  }

  #shown(plugin: ManagedPlugin, now: number): ManagedPlugin {
    const operation = this.#jobs.find((job) => job.operation.plugin === plugin.id && job.operation.state === 'running')?.operation ?? null;
    const usage = this.usage(plugin.id, Math.floor(now / 10_000) - 1).at(-1) ?? null;
    const waits = plugin.instance.state === 'backoff' ? this.#nextTry : null;
    return { ...plugin, operation, instance: { ...plugin.instance, usage, next_try_ms: waits } };
  }

  #add(id: string, label: string, version: string): void {
    this.#plugins.set(id, managed(id, label, version, {}));
  }

  #change(id: string, change: Partial<ManagedPlugin>): void {
    const plugin = this.#plugins.get(id);
    if (plugin) this.#plugins.set(id, { ...plugin, ...change });
  }
}
