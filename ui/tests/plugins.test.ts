import { describe, expect, it } from 'vitest';

import { limitValue, progressOf, sentence, signatureWords } from '../src/format/plugin';
import type { InstanceState } from '../src/generated/InstanceState';
import type { ManagedPlugin } from '../src/generated/ManagedPlugin';
import type { OperationView } from '../src/generated/OperationView';
import type { PluginInfo } from '../src/generated/PluginInfo';
import type { StepView } from '../src/generated/StepView';
import { managed } from '../src/backend/fake/managed';
import { entriesOf, findEntry, isTroubled, summaryOf } from '../src/state/plugin-entry';
import { nextOrder, type Order, ordered } from '../src/lib/list';
import { PLUGIN_COLUMNS } from '../src/pages/plugins/columns';
import { joinedUsage, MAX_USAGE } from '../src/state/plugins.svelte';

function socket(id: string, state: PluginInfo['state'], rest: Partial<PluginInfo> = {}): PluginInfo {
  return {
    id,
    path: `/run/${id}.sock`,
    state,
    status: state === 'ok' ? 'ok' : 'error: refused',
    label: id,
    description: '',
    interfaces: [],
    api_version: '1',
    last_report_ms: null,
    latency_us: null,
    report_bytes: null,
    report_nodes: null,
    failures: 0,
    next_attempt_ms: null,
    warnings: [],
    conflicts_with: null,
    ...rest,
  };
}

function plugin(id: string, state: InstanceState, rest: Partial<ManagedPlugin> = {}): ManagedPlugin {
  return managed(id, id, '1.0.0', rest, { state });
}

describe('plugins', () => {
  it('are shown once, whoever knows of them', () => {
    const entries = entriesOf(
      [plugin('a', 'running'), plugin('b', 'stopped')],
      [socket('a', 'ok'), socket('c', 'ok'), socket('c', 'conflict', { path: '/run/2/c.sock' }), socket('Bad_Name', 'rejected', { path: '/run/Bad_Name.sock' }), socket('a', 'rejected', { path: '/run/x/a' })],
    );
    expect(entries.map((entry) => [entry.key, entry.managed !== null, entry.socket?.path ?? null])).toEqual([
      ['/run/x/a', false, '/run/x/a'],
      ['/run/Bad_Name.sock', false, '/run/Bad_Name.sock'],
      ['a', true, '/run/a.sock'],
      ['c', false, '/run/c.sock'],
      ['b', true, null],
    ]);
    expect(findEntry(entries, 'c')?.note).toContain('/run/2/c.sock');
    expect(findEntry(entries, '/run/a.sock')?.key).toBe('a');
    expect(findEntry(entries, '')).toBeNull();
    expect(new Set(entries.map((entry) => entry.key)).size).toBe(entries.length);
  });

  it('come worst first, with the word for where they stand', () => {
    const states: InstanceState[] = ['disabled', 'running', 'backoff', 'idle', 'crash_loop', 'unresponsive', 'stopped'];
    const degraded = plugin('degraded', 'running');
    degraded.instance.health = { state: 'degraded', checks: [], streak: 1 };
    const entries = entriesOf([...states.map((state) => plugin(state.replace('_', ''), state)), degraded, plugin('manual', 'idle', { activation: 'manual' })], [socket('out', 'failing')]);
    expect(entries.map((entry) => entry.state.word)).toEqual(['Crash loop', 'Back-off', 'Failing', 'No answer', 'Degraded', 'Running', 'Idle', 'Manual', 'Stopped', 'Disabled']);
    expect(entries.filter(isTroubled)).toHaveLength(4);
    expect(summaryOf(entries)).toBe('1 running, 1 degraded, 1 in a crash loop, 1 in back-off, 1 failing, 1 without answer, 1 idle, 1 manual, 1 stopped, 1 disabled');
  });

  it('say why they do not deliver, from whoever knows best', () => {
    const reason = (change: Partial<ManagedPlugin['instance']>) => {
      const made = plugin('a', 'backoff');
      made.instance = { ...made.instance, reason: '', ...change };
      return entriesOf([made], [socket('a', 'failing')])[0]?.reason;
    };
    const exit = { kind: 'code', code: 3, signal: null, at_ms: 0, ran_ms: 1, text: 'exit 3', last_lines: [] } as const;
    expect(reason({ reason: 'ended thrice' })).toBe('Ended thrice.');
    expect(reason({ last_exit: { ...exit, last_lines: [] } })).toBe('Exit 3.');
    expect(reason({})).toBe('Refused.');
  });

  it('show a large operation instead of their state', () => {
    const operation = { id: '1', kind: 'upgrade', plugin: 'a', state: 'running', steps: [], ordered_ms: 0, ended_ms: null, user: '', outcome: '', code: '', retryable: false, cancellable: true } as OperationView;
    expect(entriesOf([plugin('a', 'running', { operation })], [])[0]?.state.word).toBe('Upgrading');
    expect(entriesOf([plugin('a', 'running', { operation: { ...operation, kind: 'restart' } })], [])[0]?.state.word).toBe('Running');
    expect(entriesOf([plugin('a', 'running', { operation: { ...operation, state: 'done' } })], [])[0]?.operation).toBeNull();
  });
});

describe('progress', () => {
  const step = (id: string, state: string, bytes: [number, number | null] | null = null, text = ''): StepView => ({ id, state, text, done_bytes: bytes?.[0] ?? null, total_bytes: bytes?.[1] ?? null });
  const MB = 1024 ** 2;

  it('names the step and its bytes', () => {
    const cases: [StepView[], string, string, number | null][] = [
      [[step('fetch', 'running', [4.1 * MB, 6.8 * MB]), step('verify', 'waiting')], 'Step 1 of 2: fetching the package', '4.1 of 6.8 MB', 0.3],
      [[step('fetch', 'running', [500 * 1024, 6.8 * MB])], 'Fetching the package', '500 kB of 6.8 MB', 0.07],
      [[step('fetch', 'running', [4.1 * MB, null]), step('verify', 'waiting')], 'Step 1 of 2: fetching the package', '4.1 MB', 0],
      [[step('fetch', 'done'), step('start', 'running', null, 'try 2 of 3')], 'Step 2 of 2: try 2 of 3', '', 0.5],
      [[step('fetch', 'waiting')], 'Beginning', '', null],
    ];
    for (const [steps, words, bytes, share] of cases) {
      const got = progressOf({ state: 'running', steps });
      expect([got.step, got.bytes.replaceAll('\u2005', ' ')]).toEqual([words, bytes]);
      if (share === null) expect(got.share).toBeNull();
      else expect(got.share).toBeCloseTo(share, 2);
    }
    expect(progressOf({ state: 'queued', steps: [] }).step).toBe('Waiting for its turn');
  });
});

describe('words of plugins', () => {
  it('are sentences with units apart', () => {
    expect(sentence('no trust')).toBe('No trust.');
    expect(sentence('why?')).toBe('Why?');
    expect(sentence('  ')).toBe('');
    expect(limitValue('64MiB').replace('\u2005', ' ')).toBe('64 MiB');
    expect(limitValue('150%').replace('\u2005', ' ')).toBe('150 %');
    expect(limitValue('32')).toBe('32');
    expect(signatureWords('valid:release:2026')).toEqual({ text: 'signed by release:2026', good: true });
    expect(signatureWords('unsigned').good).toBe(false);
    expect(signatureWords('off').text).toBe('signature not looked at');
  });
});

it('keeps resource points in order, once, and no more than fit', () => {
  const point = (seq: number) => ({ seq, at_ms: seq, cpu_percent: 0, memory_bytes: 0, memory_peak_bytes: 0, processes: 1, open_files: 1, restarts: 0 });
  expect(joinedUsage([point(1), point(2)], [point(2), point(3)]).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  const many = joinedUsage([], Array.from({ length: MAX_USAGE + 5 }, (_, at) => point(at + 1)));
  expect([many.length, many[0]?.seq]).toEqual([MAX_USAGE, 6]);
});

describe('the list of plugins', () => {
  it('is sorted by a column, with what has no value last either way', () => {
    const usage = (cpu: number) => ({ seq: 1, at_ms: 0, cpu_percent: cpu, memory_bytes: 0, memory_peak_bytes: 0, processes: 1, open_files: 1, restarts: 0 });
    const made = [plugin('idle', 'idle'), plugin('low', 'running'), plugin('high', 'running')];
    const [, low, high] = made;
    if (!low || !high) throw new Error('three are made');
    low.instance.usage = usage(1);
    high.instance.usage = usage(9);
    const entries = entriesOf(made, []);
    const ids = (order: Order | null) => ordered(entries, PLUGIN_COLUMNS, order).map(({ id }) => id);
    expect(ids(null)).toEqual(entries.map(({ id }) => id));
    expect(ids({ column: 'cpu', descending: true })).toEqual(['high', 'low', 'idle']);
    expect(ids({ column: 'cpu', descending: false })).toEqual(['low', 'high', 'idle']);
    expect(ids({ column: 'name', descending: false })).toEqual(['high', 'idle', 'low']);
    expect(ids({ column: 'state', descending: true })[0]).toBe('idle');
    const [cpu, name] = ['restarts', 'name'].map((id) => PLUGIN_COLUMNS.find((column) => column.id === id));
    if (!cpu || !name) throw new Error('columns are known');
    expect([nextOrder(null, cpu)?.descending, nextOrder(null, name)?.descending]).toEqual([true, false]);
  });
});
