import type { ControlOutcome } from '../../generated/ControlOutcome';
import type { Event } from '../../generated/Event';
import type { HistorySeries } from '../../generated/HistorySeries';
import type { Request } from '../../generated/Request';
import type { Role } from '../../generated/Role';
import type { SearchHit } from '../../generated/SearchHit';
import type { SearchResult } from '../../generated/SearchResult';
import type { ViewRequest } from '../../generated/ViewRequest';
import type { ViewSpec } from '../../generated/ViewSpec';
import { apiError, type Backend, type ChosenPackage, type LineEvents, type LineHandle, type PipeEvents, type PipeHandle, type ViewEvents, type ViewHandle, type WebRequest } from '../backend';
import { download } from '../download';
import { details, valueAt } from './details';
import { frame, METRICS, readings, sceneNodes, shapeOf, topologyOf } from './frame';
import { events, plugins, status } from './instance';
import { rejectedPackages } from './managed';
import { PluginWorld } from './plugin-world';
import { NODES, type SceneNode } from './scene';
import { FakeWeb } from './web';
import { FakeShell } from './shell';
import { TOPOLOGIES } from './topologies';

const TICK_MS = 1000;
const ANSWER_MS = 15;
const CONTROL_MS = 700;
const UPLOAD_BYTES = 6.8 * 1024 ** 2;
const UPLOAD_STEPS = 30;

const counts = new Map(TOPOLOGIES.map((topology) => [topology.id, topology.stats.node_count]));

export interface FakeOptions {
  /** Show an instance that has found nothing. */
  empty?: boolean;
  /** How many processes there are. */
  processes?: number;
  /** What the person may do; everything when not given. */
  role?: Role;
}

/** An engine of cardboard with moving readings, for work on the window and for its tests. */
export class FakeBackend implements Backend {
  readonly kind = 'fake';
  #empty: boolean;
  #role: Role;
  #world = new PluginWorld();
  #web: FakeWeb;
  #idle = false;
  #happened: Event[] = [];

  constructor(options: FakeOptions = {}) {
    this.#empty = options.empty ?? false;
    this.#role = options.role ?? 'admin';
    this.#web = new FakeWeb(this.#empty);
    if (options.processes) counts.set('processes', options.processes);
  }

  call<T>(request: Request): Promise<T> {
    const wait = request.op === 'control' ? CONTROL_MS : ANSWER_MS;
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        try {
          resolve(this.#answer(request) as T);
        } catch (thrown) {
          reject(thrown);
        }
      }, wait);
    });
  }

  send<T>(request: WebRequest): Promise<T> {
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        try {
          resolve(this.#web.answer(request) as T);
        } catch (thrown) {
          reject(thrown);
        }
      }, ANSWER_MS);
    });
  }

  follow(_path: string, events: LineEvents): LineHandle {
    return this.#web.follow(events);
  }

  openView(events: ViewEvents): ViewHandle {
    return new FakeView(events, this.#empty);
  }

  openPipe(_id: string, events: PipeEvents): PipeHandle {
    return new FakeShell(events);
  }

  async choosePackage(): Promise<ChosenPackage | null> {
    return {
      name: 'net-flow-0.5.0.tar.zst',
      bytes: UPLOAD_BYTES,
      deliver: async (progress, signal) => {
        for (let step = 1; step <= UPLOAD_STEPS; step += 1) {
          await new Promise((resolve) => setTimeout(resolve, ANSWER_MS * 4));
          if (signal.aborted) throw apiError('refused', 'The upload was cancelled.');
          progress((UPLOAD_BYTES * step) / UPLOAD_STEPS, UPLOAD_BYTES);
        }
        return { from: 'upload', upload: 'net-flow-0.5.0.tar.zst' };
      },
    };
  }

  async exportFile(request: Request): Promise<string | null> {
    return this.saveText(`orrery-${request.op}.txt`, 'text/plain', JSON.stringify(request));
  }

  async saveBlob(fileName: string, blob: Blob): Promise<string | null> {
    return this.saveText(fileName, blob.type, `${blob.size} bytes`);
  }

  async saveText(fileName: string, mediaType: string, text: string): Promise<string | null> {
    download(fileName, new Blob([text], { type: mediaType }));
    return fileName;
  }

  openExternal(): void {}

  #answer(request: Request): unknown {
    const now = Date.now();
    switch (request.op) {
      case 'status':
        return { ...status(now, this.#empty), role: this.#role };
      case 'topologies':
        return this.#empty ? TOPOLOGIES.map((entry) => ({ ...entry, stats: { node_count: 0, nonpseudo_node_count: 0, edge_count: 0, filtered_nodes: 0 } })) : TOPOLOGIES;
      case 'details': {
        const node = find(request.node);
        if (!node) throw apiError('not_found', 'No report names this node at that moment.');
        return details(node, request.at_ms ?? now, this.#idle);
      }
      case 'search':
        return this.#empty ? { counts: {}, hits: [] } : search(request.query, request.limit ?? 50, now);
      case 'control':
        return this.#control(request.node, request.control, now);
      case 'history':
        return history(request.node, request.metric, request.from_ms, request.to_ms, request.max_points ?? 600);
      case 'history_series':
        return METRICS.map((metric) => ({ metric: metric.id, label: metric.label, format: metric.format, from_ms: now - 26 * 3_600_000, to_ms: now, started_ms: null }));
      case 'events':
        return this.#empty ? [] : [...events(now), ...this.#happened].filter((event) => event.at_ms >= request.from_ms && event.at_ms <= request.to_ms);
      case 'plugins':
      case 'retry_plugin':
        return this.#empty ? [] : plugins(now);
      case 'managed_plugins':
        return this.#empty ? [] : this.#world.list();
      case 'plugin_order':
        return this.#world.order(request.order);
      case 'operations':
        return this.#empty ? [] : this.#world.operations(request.limit ?? 100);
      case 'cancel_operation':
        return this.#world.cancel(request.id);
      case 'plugin_logs':
        return this.#world.logs(request.plugin, request.after, request.limit ?? 500);
      case 'plugin_usage':
        return this.#world.usage(request.plugin, request.after);
      case 'rejected_packages':
        return this.#empty ? [] : rejectedPackages();
      default:
        return null;
    }
  }

  #control(node: string, control: string, now: number): ControlOutcome {
    if (control.startsWith('iowait~')) this.#idle = control === 'iowait~switchToIdle';
    if (control === 'docker-tools~shell') throw apiError('refused', 'The plugin answered: no shell in this image.');
    this.#happened.push({ id: 1000 + this.#happened.length, at_ms: now, kind: 'control', subject: node, label: find(node)?.label ?? node, text: `${control}: done in 12 ms.`, user: 'ada' });
    const pipe = control === 'docker-tools~exec' ? `pipe-${this.#happened.length}` : null;
    return { value: null, pipe, raw_tty: pipe !== null, resize_tty_control: null, removed_node: null, shortcut: pipe === null, took_ms: 12 };
  }
}

function find(id: string): SceneNode | undefined {
  const known = NODES.find((node) => node.id === id);
  if (known) return known;
  for (const topology of ['hosts', 'processes']) {
    const node = sceneNodes(specOf(topology), counts).find((entry) => entry.id === id);
    if (node) return node;
  }
  const process = /^(\w+);(\d+);<process>$/.exec(id);
  if (process) return { id, kind: 'process', label: 'node', minor: `pid ${process[2]}`, x: 0, y: 0, group: null, host: process[1] ?? 'tern', cpu: 0.6, memory: 0.1, count: 1 };
  return undefined;
}

function specOf(topology: string): ViewSpec {
  return { topology, options: {}, query: '', group: [], at_ms: null };
}

/** Enough of the query language for a person to try: words, `kind:`, `cpu > n`, joined with `and`. */
function matches(node: SceneNode, query: string, now: number): boolean {
  return query
    .split(/\s+and\s+/i)
    .map((term) => term.trim().replace(/^\(|\)$/g, ''))
    .every((term) => {
      const compare = /^cpu\s*([<>])\s*(\d+)/i.exec(term);
      if (compare) {
        const cpu = readings(node, now).find((metric) => metric.id === 'cpu')?.value ?? 0;
        return compare[1] === '>' ? cpu > Number(compare[2]) : cpu < Number(compare[2]);
      }
      const kind = /^kind:(\w+)$/.exec(term);
      if (kind) return node.kind === kind[1];
      return `${node.label} ${node.minor}`.toLowerCase().includes(term.toLowerCase());
    });
}

function search(query: string, limit: number, now: number): SearchResult {
  const open = query.indexOf('(');
  if (open >= 0 && !query.includes(')')) {
    throw { code: 'bad_query', message: 'This bracket is not closed.', at: [open, open + 1] };
  }
  const result: SearchResult = { counts: {}, hits: [] };
  const hits = new Map<string, SearchHit>();
  for (const topology of TOPOLOGIES) {
    const found = sceneNodes(specOf(topology.id), counts).filter((node) => matches(node, query, now));
    result.counts[topology.id] = found.length;
    for (const node of found) {
      if (hits.has(node.id)) continue;
      hits.set(node.id, { id: node.id, topology: topologyOf(node.kind), kind: node.kind, shape: shapeOf(node.kind), label: node.label, label_minor: node.minor, field: '', value: '' });
    }
  }
  result.hits = [...hits.values()].slice(0, limit);
  return result;
}

function history(node: string, metric: string, from: number, to: number, maxPoints: number): HistorySeries {
  const info = METRICS.find((entry) => entry.id === metric);
  const found = find(node);
  const step = Math.max(2000, Math.ceil((to - from) / maxPoints));
  const points = [];
  for (let at = Math.ceil(from / step) * step; found && at <= to; at += step) {
    const value = valueAt(found, metric, at);
    points.push({ t_ms: at, avg: value, min: value * 0.92, max: value * 1.06 });
  }
  return { node, metric, label: info?.label ?? metric, format: info?.format ?? '', step_ms: step, points, incarnations_ms: [] };
}

class FakeView implements ViewHandle {
  #events: ViewEvents;
  #empty: boolean;
  #spec: ViewSpec | null = null;
  #seq = 0;
  #timer: ReturnType<typeof setInterval>;

  constructor(events: ViewEvents, empty: boolean) {
    this.#events = events;
    this.#empty = empty;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  send(request: ViewRequest): void {
    if (request.type === 'open') this.#spec = request.spec;
    setTimeout(() => this.#frame(), ANSWER_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #nodes(spec: ViewSpec, at: number): SceneNode[] {
    if (this.#empty) return [];
    const all = sceneNodes(spec, counts);
    return spec.query ? all.filter((node) => matches(node, spec.query, at)) : all;
  }

  #frame(): void {
    const spec = this.#spec;
    if (!spec) return;
    if (!counts.has(spec.topology)) {
      this.#events.message({ type: 'failed', code: 'not_found', message: `There is no topology ${spec.topology}.` });
      return;
    }
    const at = spec.at_ms ?? Date.now();
    this.#seq += 1;
    this.#events.message({ type: 'frame', ...frame(spec, this.#nodes(spec, at), this.#seq, at) });
  }

  #tick(): void {
    const spec = this.#spec;
    if (!spec || spec.at_ms !== null) return;
    const at = Date.now();
    const next = frame(spec, this.#nodes(spec, at), this.#seq + 1, at);
    this.#events.message({
      type: 'delta',
      base: this.#seq,
      seq: this.#seq + 1,
      at_ms: at,
      nodes: next.nodes.filter((node) => node.metrics.length > 0),
      nodes_removed: [],
      edges: [],
      edges_removed: [],
      groups: null,
      stats: next.stats,
      metrics: null,
      truncated_nodes: 0,
    });
    this.#seq += 1;
  }
}
