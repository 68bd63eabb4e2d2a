import { count, counted, duration, GAP } from '../format/number';
import type { StateWord, Tone } from '../format/plugin';
import type { Phase } from '../generated/Phase';
import type { TaskInfo } from '../generated/TaskInfo';

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

const FAILING = word(1, 'error', 'retry', 'Failing');

/** Where a task stands, in a word. */
export function taskState(task: TaskInfo): StateWord {
  if (task.state === 'failing' && task.slowed_to_ms === null) return FAILING;
  return WORDS[task.state];
}

/** Whether it goes on by itself. */
export function isStarted(task: TaskInfo): boolean {
  return ['waiting', 'scheduled', 'firing', 'failing'].includes(task.state);
}

/** Its schedule with units apart from their figures: `every 5 s`. */
export function whenWords({ when }: Pick<TaskInfo, 'when'>): string {
  return when.replace(/(\d)(ms|s|m|h|d)\b/g, (_, figure: string, unit: string) => `${figure}${GAP}${unit === 'm' ? 'min' : unit}`);
}

/** What a person should read of a task that does not do what it is for; empty when all is well. */
export function taskTrouble(task: TaskInfo): string {
  if (task.state === 'waiting') return waitsFor(task.waits_for);
  if (task.state === 'failing' || task.state === 'disabled') return task.counts.errors.at(-1)?.text ?? '';
  return '';
}

/** What is missing may be a thing, or be said in a sentence of its own. */
function waitsFor(what: string): string {
  if (what === '') return 'Waits for something that is not there.';
  return what.endsWith('.') ? `Waits. ${what}` : `Waits for ${what}`;
}

/** How bad it is, for the head of a note: `12 runs failed in a row, now every 60 s`. */
export function troubleTitle(task: TaskInfo): string {
  if (task.failures === 0) return taskState(task).word;
  const pause = task.slowed_to_ms === null ? '' : `, now every ${duration(task.slowed_to_ms / 1000)}`;
  return `${counted(task.failures, 'run')} failed in a row${pause}`;
}

/** What becomes of what is collected: `moving-average → file load.csv`. */
export function workflowWords(task: TaskInfo): string {
  const steps = task.then.map(({ plugin, target }) => (target ? `${plugin} ${shortTarget(target)}` : plugin));
  return `→ ${steps.join(' → ')}`;
}

/** A path's last part; an address as it is. */
function shortTarget(target: string): string {
  return target.startsWith('/') ? target.slice(target.lastIndexOf('/') + 1) : target;
}

/** What it collects, in a line: its first query, and how many more there are. */
export function collectWords(task: TaskInfo): string {
  const more = task.queries - 1;
  return `${task.collect[0] ?? ''}${more > 0 ? ` +${count(more)}` : ''}`;
}

/** Slots in which it did not run. */
export function missedOf(task: TaskInfo): number {
  const { busy, late, slow, waiting, empty } = task.counts.missed;
  return busy + late + slow + waiting + empty;
}

/** Why it did not run, for a tooltip. */
export function missedReasons(task: TaskInfo): string {
  const { busy, late, slow, waiting, empty } = task.counts.missed;
  const reasons: [number, string][] = [
    [busy, 'while the run before was not over'],
    [late, 'while the machine slept or its clock was set'],
    [slow, 'while it was left alone after failures'],
    [waiting, 'while something it needs was missing'],
    [empty, 'while there was nothing to collect'],
  ];
  return reasons
    .filter(([times]) => times > 0)
    .map(([times, why]) => `${times} ${why}`)
    .join('\n');
}

/** When it runs next, in few words. */
export function nextRun(task: TaskInfo, now: number): string {
  if (task.firing) return 'now';
  if (task.next_run_ms === null) return '–';
  const seconds = Math.ceil((task.next_run_ms - now) / 1000);
  if (seconds <= 0) return 'now';
  return seconds < 60 ? `in ${seconds}${GAP}s` : '';
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
