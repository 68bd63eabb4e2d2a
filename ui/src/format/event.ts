import type { Event } from '../generated/Event';
import { capital, operationNoun, type SaidText, saidText, type Tone } from './plugin';

/** What people filter events by. */
export type EventGroup = 'failure' | 'warning' | 'process' | 'order' | 'control' | 'info';

/** How an event is shown. */
export interface EventLook {
  /** Its kind in words. */
  word: string;
  icon: string;
  tone: Tone;
  group: EventGroup;
  /** Events of one subject and one story are told together. */
  story: string;
}

function look(group: EventGroup, tone: Tone, icon: string, word: string, story: string = group): EventLook {
  return { word, icon, tone, group, story };
}

/** A process that fails, ends and comes back is one story, however many chapters it has. */
const LIFE = 'life';

const LOOKS: Record<string, EventLook> = {
  started: look('process', 'ok', 'play', 'Started', LIFE),
  stale: look('warning', 'warn', 'clock', 'Stale', LIFE),
  failed: look('failure', 'error', 'warning', 'Failed', LIFE),
  control: look('control', 'busy', 'user', 'Control'),
  info: look('info', 'quiet', 'info', 'Note'),
  alert: look('warning', 'warn', 'bell', 'Alert', 'alert'),

  running: look('process', 'ok', 'play', 'Runs', LIFE),
  recovered: look('process', 'ok', 'check', 'Recovered', LIFE),
  completed: look('process', 'ok', 'check', 'Completed', LIFE),
  exited: look('warning', 'warn', 'stop', 'Ended', LIFE),
  left: look('process', 'quiet', 'minus', 'Left as it ended', LIFE),
  backoff: look('warning', 'warn', 'retry', 'Back-off', LIFE),
  unresponsive: look('failure', 'error', 'warning', 'No answer', LIFE),
  crash_loop: look('failure', 'error', 'retry', 'Crash loop', LIFE),
  execution_failed: look('failure', 'error', 'close', 'Failed', LIFE),
  not_startable: look('failure', 'error', 'close', 'Cannot be started', LIFE),
  limit_exceeded: look('failure', 'error', 'resources', 'Over its limit', LIFE),
  throttled: look('warning', 'warn', 'resources', 'Held back', 'limits'),
  health_changed: look('process', 'busy', 'activity', 'Health', 'health'),
  candidate_failed: look('failure', 'error', 'close', 'Candidate failed', 'candidate'),
  promoted: look('process', 'ok', 'check', 'Took over', 'candidate'),

  revision_ready: look('info', 'quiet', 'download', 'Unpacked', 'candidate'),
  plugin_found: look('info', 'busy', 'plus', 'Found', 'files'),
  plugin_gone: look('warning', 'warn', 'minus', 'Files gone', 'files'),
  package_rejected: look('failure', 'error', 'warning', 'Not taken', 'files'),
  quarantine: look('failure', 'error', 'shield', 'Set aside', 'files'),
  state_set_aside: look('warning', 'warn', 'shield', 'State set aside', 'files'),
};

const ORDER_ICONS: Record<string, string> = {
  install: 'download',
  upgrade: 'download',
  rollback: 'history',
  remove: 'remove',
  start: 'play',
  stop: 'stop',
  restart: 'retry',
  enable: 'check',
  disable: 'minus',
  configure: 'edit',
  dismiss: 'close',
};

const ORDER_ENDS: Record<string, [tone: Tone, word: string]> = {
  requested: ['busy', 'ordered'],
  done: ['ok', 'done'],
  failed: ['error', 'failed'],
  cancelled: ['quiet', 'cancelled'],
};

/** An order and how far it got: `upgrade_failed`. */
function orderOf(kind: string): { order: string; end: string } | null {
  const [, order = '', end = ''] = /^([a-z]+)_(requested|done|failed|cancelled)$/.exec(kind) ?? [];
  return Object.hasOwn(ORDER_ICONS, order) ? { order, end } : null;
}

/** Whether a change of health is good or bad is in its words alone. */
function healthLook(text: string): Partial<EventLook> {
  if (/\bdegraded\b/.test(text)) return { tone: 'warn', group: 'warning' };
  if (/\bfail(ing|ed)\b/.test(text)) return { tone: 'error', group: 'failure' };
  return /\b(ok|good|well)\b/i.test(text) ? { tone: 'ok' } : {};
}

/** How an event of a kind is shown; kinds that are not known yet are shown as what they are called. */
export function eventLook(kind: string, text = ''): EventLook {
  const known = Object.hasOwn(LOOKS, kind) ? LOOKS[kind] : undefined;
  if (known && kind === 'health_changed') return { ...known, ...healthLook(text) };
  // An end that somebody wanted is no trouble.
  if (known && kind === 'exited' && /\bas ordered\b/.test(text)) return { ...known, tone: 'quiet', group: 'process' };
  if (known && kind === 'alert' && isCleared(text)) return { ...known, tone: 'ok', icon: 'check', word: 'Alert over' };
  if (known) return known;
  const order = orderOf(kind);
  if (!order) return look('info', 'quiet', 'info', capital(kind.replaceAll('_', ' ')), kind);
  const [tone, word] = ORDER_ENDS[order.end] ?? ['quiet', order.end];
  return look(order.end === 'failed' ? 'failure' : 'order', tone, ORDER_ICONS[order.order] ?? 'info', `${operationNoun(order.order)} ${word}`, `order ${order.order}`);
}

/** Subjects that are neither nodes nor named things. */
const OTHERS: ReadonlySet<string> = new Set(['', 'alert', 'history', 'plugins']);

/** Id of the node that an event is about; null for what is about none. */
export function nodeOf(event: Pick<Event, 'subject'>): string | null {
  const { subject } = event;
  return OTHERS.has(subject) || /^(plugin|task|task-file):/.test(subject) ? null : subject;
}

/** The kind of node that ids of this form are of, such as `host` of `a;<host>`; empty when the form does not say. */
export function kindOfId(id: string): string {
  const [, tag = ''] = /<(\w+)>$/.exec(id) ?? [];
  if (tag !== '') return tag;
  return /^[^;]+;\d+$/.test(id) ? 'process' : '';
}

/** True for an alert that tells the end of what was alerted of. */
export function isCleared(text: string): boolean {
  return /, no more (above|below) /.test(text);
}

/** What an event says; orders are told in words of their own. */
export function eventText(event: Pick<Event, 'kind' | 'text'>): SaidText {
  const { said, output } = saidText(event.text);
  const [first = ''] = event.text.split('\n');
  const order = orderOf(event.kind);
  // What goes without saying is said in the order's own words.
  const bare = order !== null && (first === '' || first === 'ordered' || first === order.end);
  if (bare) return { said: `${eventLook(event.kind).word}.`, output };
  return { said: order?.end === 'failed' ? `${operationNoun(order.order)} failed: ${first}` : said, output };
}

/** True for what a process goes through: starts, ends, comes back. */
export function isLife(kind: string): boolean {
  return eventLook(kind).story === LIFE;
}

/** True for the end of an order, good or bad. */
export function endsOrder(kind: string): boolean {
  const order = orderOf(kind);
  return order !== null && order.end !== 'requested';
}

/** True for what happens on the way to an order's end. */
export function isStep(kind: string): boolean {
  return STEPS.has(kind);
}

const STEPS: ReadonlySet<string> = new Set(['revision_ready', 'candidate_failed', 'promoted']);

/** Events without orders whose end is told by a later one. `events` are newest first. */
export function withoutEndedOrders(events: readonly Event[]): Event[] {
  /** Ends that no order has been found for, oldest last. */
  const ends: { event: Event; order: string }[] = [];
  return events.filter((event) => {
    const order = orderOf(event.kind);
    if (!order) return true;
    if (order.end !== 'requested') {
      ends.push({ event, order: order.order });
      return true;
    }
    const at = ends.findLastIndex((end) => isEndOf(end, event, order.order));
    if (at >= 0) ends.splice(at, 1);
    return at < 0;
  });
}

/** Which plugin a package is, and whether that is there already, is known only once it was read. */
function isEndOf(end: { event: Event; order: string }, requested: Event, order: string): boolean {
  if (requested.user !== end.event.user) return false;
  const known = requested.subject.startsWith('plugin:');
  return known ? requested.subject === end.event.subject && order === end.order : order === 'install' && (end.order === 'install' || end.order === 'upgrade');
}
