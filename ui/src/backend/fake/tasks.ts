import { parse } from 'yaml';

import type { CatalogMetric } from '../../generated/CatalogMetric';
import type { FieldError } from '../../generated/FieldError';
import type { PastRun } from '../../generated/PastRun';
import type { RunOutcome } from '../../generated/RunOutcome';
import type { TaskDetails } from '../../generated/TaskDetails';
import { TASKS_PATH } from '../../state/task';
import { apiError, type WebRequest } from '../backend';

function metric(namespace: string, plugin: string, label: string, format: string, away = ''): CatalogMetric {
  const parts = namespace.split('/');
  return {
    namespace,
    plugin,
    version: plugin === 'orrery' ? '0.3.0' : '0.1.0',
    built_in: plugin === 'orrery',
    label,
    unit: '',
    description: '',
    format,
    dynamic: [{ index: 2, name: 'node' }],
    topology: parts[2] ?? '',
    metric: parts.at(-1) ?? '',
    advertised_ms: Date.now() - 60_000,
    away,
  };
}

const METRICS: CatalogMetric[] = [
  metric('/iowait/host/*node/iowait', 'iowait', 'IO Wait', 'percent'),
  metric('/http-stats/container/*node/req_per_sec', 'http-stats', 'Requests', '', 'it is in back-off'),
  metric('/orrery/host/*node/load1', 'orrery', 'Load (1m)', ''),
];
/** An older version of what stands in the catalog already. */
const OLDER: CatalogMetric = { ...metric('/iowait/host/*node/iowait', 'iowait', 'IO Wait', 'percent', 'this version does not run'), version: '0.0.9' };

function past(back: number, outcome: RunOutcome): PastRun {
  const why = { ok: '', partial: '1 of 2 collectors', failed: 'no plugin for query', skipped: 'waiting' }[outcome];
  return { at_ms: Date.now() - back * 5000, outcome, took_ms: outcome === 'ok' ? 38 : 2, samples: outcome === 'failed' ? 0 : 12, slots: 1, ...(why && { why }) };
}

function task(id: string, name: string, state: TaskDetails['state'], more: Partial<TaskDetails> = {}): TaskDetails {
  return {
    id,
    name,
    generation: 1,
    state,
    waits_for: '',
    firing: false,
    schedule: 'simple',
    when: 'every 5s',
    collect: ['/iowait/host/*/iowait'],
    queries: 1,
    then: [{ role: 'publish', plugin: 'stdout', target: '', depth: 0 }],
    created_ms: Date.now() - 3_600_000,
    user: 'ada',
    next_run_ms: state === 'scheduled' ? Date.now() + 4000 : null,
    counts: { runs: 96, ok: 95, partial: 1, failed: 0, missed: { busy: 0, late: 0, slow: 0, waiting: 0, empty: 0 }, last_run_ms: Date.now() - 1000, errors: [] },
    recent: Array.from({ length: 30 }, (_, back) => past(30 - back, back === 12 ? 'partial' : 'ok')),
    failures: 0,
    slowed_to_ms: null,
    held: 0,
    dropped: 0,
    declared: null,
    warnings: [],
    manifest: { version: 2, name, schedule: { type: 'simple', interval: '5s' }, collect: { '/iowait/host/*/iowait': {} }, publish: [{ plugin: 'stdout' }] },
    values: [],
    values_total: 0,
    ...more,
  };
}

function begin(): TaskDetails[] {
  const failed = { at_ms: Date.now() - 4000, text: 'No plugin delivers /http-stats/container/*/req_per_sec.', times: 12 };
  return [
    task('t1', 'io-to-file', 'scheduled'),
    task('t2', 'http-to-file', 'failing', {
      generation: 4,
      collect: ['/http-stats/container/*/req_per_sec', '/iowait/host/*/iowait'],
      queries: 2,
      then: [
        { role: 'process', plugin: 'moving-average', target: '', depth: 0 },
        { role: 'publish', plugin: 'file', target: '/var/tmp/out.jsonl', depth: 1 },
      ],
      recent: Array.from({ length: 30 }, (_, back) => past(30 - back, back > 17 ? 'failed' : back > 14 ? 'partial' : 'ok')),
      failures: 12,
      slowed_to_ms: 60_000,
      counts: { runs: 1919, ok: 1904, partial: 3, failed: 12, missed: { busy: 1, late: 0, slow: 7, waiting: 0, empty: 0 }, last_run_ms: Date.now() - 9000, errors: [failed] },
    }),
    task('t3', 'gpu-watch', 'waiting', { recent: [], waits_for: 'plugin gpu-nvml' }),
    task('t4', 'load-test', 'ended'),
  ];
}

/** Tasks and a catalog of cardboard. */
export class FakeTasks {
  #tasks: Map<string, TaskDetails>;
  #empty: boolean;
  #made = 0;

  constructor(empty: boolean) {
    this.#empty = empty;
    this.#tasks = new Map(empty ? [] : begin().map((one) => [one.id, one]));
  }

  /** Undefined for an address that is none of its own. */
  answer({ method, path, body }: WebRequest): unknown {
    const url = new URL(path, 'http://fake');
    if (url.pathname === '/api/catalog') return this.#find(url.searchParams.get('q') ?? '');
    if (url.pathname === '/api/catalog/readings') {
      return [{ namespace: '/iowait/host/tern;<host>/iowait', topology: 'host', node: 'tern;<host>', metric: 'iowait', value: 3.5, unit: 'percent', at_ms: Date.now() }];
    }
    if (url.pathname === TASKS_PATH) return method === 'POST' ? this.#make(body ?? '', url.searchParams.get('start') !== 'false') : [...this.#tasks.values()];
    if (url.pathname === `${TASKS_PATH}/dry-run`) return { faults: faults(body ?? ''), warnings: [] };
    if (!url.pathname.startsWith(`${TASKS_PATH}/`)) return undefined;
    const [id = '', rest = ''] = url.pathname.slice(TASKS_PATH.length + 1).split('/').map(decodeURIComponent);
    const known = this.#tasks.get(id);
    if (!known) throw apiError('not_found', `There is no task ${id}.`);
    if (method === 'DELETE') return this.#tasks.delete(id) ? null : undefined;
    if (method === 'PUT') return this.#keep({ ...known, generation: known.generation + 1, manifest: checked(body ?? '') });
    if (rest === 'subscription') return { id, number: 2, ready: true, requested: [], plugins: [{ plugin: 'iowait', version: '0.1.0', part: 'collect', path: '', config: {}, origins: [] }], metrics: METRICS.slice(0, 1), metrics_total: 1, problems: [] };
    if (rest === 'start') return this.#keep({ ...known, state: 'scheduled', next_run_ms: Date.now() + 5000 });
    if (rest === 'run') return { outcome: 'ok', why: '', samples: 1, took_ms: 2 };
    if (rest === 'stop' || rest === 'enable') return this.#keep({ ...known, state: 'stopped', next_run_ms: null });
    return known;
  }

  #find(query: string) {
    const metrics = this.#empty ? [] : [...METRICS, OLDER].filter((one) => query === '' || one.namespace.startsWith(query.split('*')[0] ?? ''));
    return { metrics, total: metrics.length, missing: [] };
  }

  #make(text: string, start: boolean): TaskDetails {
    const manifest = checked(text);
    this.#made += 1;
    return this.#keep(task(`made${this.#made}`, String(manifest.name ?? `made${this.#made}`), start ? 'scheduled' : 'stopped', { manifest, user: 'you' }));
  }

  #keep(one: TaskDetails): TaskDetails {
    this.#tasks.set(one.id, one);
    return one;
  }
}

function checked(text: string): Record<string, unknown> {
  const fields = faults(text);
  if (fields.length > 0) throw { ...apiError('bad_request', 'The manifest is not valid.'), fields };
  return parse(text) as Record<string, unknown>;
}

function faults(text: string): FieldError[] {
  const given = (parse(text) ?? {}) as { schedule?: { interval?: string }; collect?: Record<string, unknown> };
  const found: FieldError[] = [];
  if (!given.schedule?.interval || /^[-0]/.test(given.schedule.interval)) found.push({ field: 'schedule.interval', message: 'has to be more than nothing' });
  if (!given.collect) found.push({ field: 'collect', message: 'is missing' });
  return found;
}
