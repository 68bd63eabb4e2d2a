import type { StateWord, Tone } from '../format/plugin';
import { GAP } from '../format/number';
import type { CatalogMetric } from '../generated/CatalogMetric';
import type { Phase } from '../generated/Phase';
import type { TaskInfo } from '../generated/TaskInfo';
import type { PinnedMetric } from './timeline.svelte';

/** Where tasks are kept. */
export const TASKS_PATH = '/api/tasks';

function word(rank: number, tone: Tone, icon: string, text: string): StateWord {
  return { word: text, icon, tone, rank };
}

const WORDS: Record<Phase, StateWord> = {
  disabled: word(0, 'error', 'close', 'Disabled'),
  failing: word(1, 'error', 'retry', 'Failing, slow'),
  waiting: word(2, 'warn', 'clock', 'Waiting'),
  firing: word(5, 'busy', 'play', 'Running'),
  stopping: word(6, 'busy', 'clock', 'Stopping'),
  scheduled: word(7, 'ok', 'check', 'Scheduled'),
  stopped: word(8, 'quiet', 'stop', 'Stopped'),
  ended: word(9, 'quiet', 'minus', 'Ended'),
};

/** Where a task stands, in a word. */
export function taskState(task: TaskInfo): StateWord {
  return WORDS[task.state];
}

/** Whether it goes on by itself. */
export function isStarted(task: TaskInfo): boolean {
  return ['waiting', 'scheduled', 'firing', 'failing'].includes(task.state);
}

/** What a person should read of a task that does not do what it is for; empty when all is well. */
export function taskTrouble(task: TaskInfo): string {
  if (task.state === 'waiting') return task.waits_for ? `Waits for ${task.waits_for}` : 'Waits for something that is not there.';
  if (task.state === 'failing' || task.state === 'disabled') return task.counts.errors.at(-1)?.text ?? '';
  return '';
}

/** Slots in which it did not run. */
export function missedOf(task: TaskInfo): number {
  const { busy, late, slow, waiting } = task.counts.missed;
  return busy + late + slow + waiting;
}

/** Why it did not run, for a tooltip. */
export function missedReasons(task: TaskInfo): string {
  const { busy, late, slow, waiting } = task.counts.missed;
  const reasons: [number, string][] = [
    [busy, 'while the run before was not over'],
    [late, 'while the machine slept or its clock was set'],
    [slow, 'while it was left alone after failures'],
    [waiting, 'while something it needs was missing'],
  ];
  return reasons
    .filter(([times]) => times > 0)
    .map(([times, why]) => `${times} ${why}`)
    .join('\n');
}

/** An element of a name: in it a backslash stands before what means something in names. */
function element(text: string): string {
  return text.replace(/[\\/*;()]/g, (mark) => `\\${mark}`);
}

/** A word of YAML that is nothing else, such as a number or a list. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Begins a task that writes a metric's values to a file. */
export function recordManifest(metric: PinnedMetric | null): string {
  const query = metric ? `/*/*/${element(metric.node)}/${element(metric.metric)}` : '/orrery/host/*/load1';
  const name = metric ? `record ${metric.metricLabel} of ${metric.nodeLabel}` : 'record-load';
  return `version: 2
name: ${quoted(name)}
schedule: { type: simple, interval: 5s }
collect:
  ${quoted(query)}: {}
publish:
  - plugin: file
    config: { path: ${quoted(metric ? `${metric.metric.replace(/\W+/g, '-')}.jsonl` : 'load.jsonl')} }
`;
}

/** Begins a task that tells when a metric rises above a value. */
export function alertManifest(metric: PinnedMetric, above: number): string {
  return `version: 2
name: ${quoted(`alert: ${metric.metricLabel} of ${metric.nodeLabel}`)}
schedule: { type: simple, interval: 5s }
collect:
  ${quoted(`/*/*/${element(metric.node)}/${element(metric.metric)}`)}: {}
process:
  - plugin: threshold
    config: { above: ${above} }
    publish:
      - plugin: notification
`;
}

/** When it runs next, in few words. */
export function nextRun(task: TaskInfo, now: number): string {
  if (task.state === 'firing') return 'now';
  if (task.next_run_ms === null) return '–';
  const seconds = Math.ceil((task.next_run_ms - now) / 1000);
  if (seconds <= 0) return 'now';
  return seconds < 60 ? `in ${seconds}${GAP}s` : '';
}

/** Begins a task that collects a metric of the catalog from every node that has it. */
export function collectManifest(metric: CatalogMetric): string {
  const query = metric.namespace.replace(/\/\*[^/]*/g, '/*');
  return `version: 2
name: ${quoted(`collect ${metric.label || metric.metric}`)}
schedule: { type: simple, interval: 5s }
collect:
  ${quoted(query)}: {}
publish:
  - plugin: file
    config: { path: ${quoted(`${metric.metric.replace(/\W+/g, '-') || 'metric'}.jsonl`)} }
`;
}

/** Keys in the order in which a person writes them. */
const KEYS = ['version', 'name', 'plugin', 'schedule', 'type', 'interval', 'timeout', 'deadline', 'on_failure', 'start', 'collect', 'config', 'tags', 'buffer', 'process', 'publish'];

/** A manifest as a person would write it: what comes first says what it is. */
export function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const place = (key: string) => (KEYS.includes(key) ? KEYS.indexOf(key) : KEYS.length);
  const entries = Object.entries(value).sort(([a], [b]) => place(a) - place(b));
  return Object.fromEntries(entries.map(([key, part]) => [key, inOrder(part)]));
}

/** When a task runs, in few words: `every 5s`, `cron 0 9 * * *`. */
export function scheduleWords(manifest: Record<string, unknown>): string {
  const { type, interval, entry } = (manifest.schedule ?? {}) as Record<string, unknown>;
  if (typeof entry === 'string') return `cron ${entry}`;
  if (typeof interval !== 'string') return String(type ?? '');
  return type === 'windowed' ? `windowed, every ${interval}` : `every ${interval}`;
}
