import { endsOrder, eventLook, isStep } from '../format/event';
import type { Tone } from '../format/plugin';
import type { Event } from '../generated/Event';

/** Events of one subject and story that follow each other, shown as one. */
export interface Fold {
  /** The newest; of those that came together with it, the one that matters most. */
  event: Event;
  /** The others, newest first. */
  older: Event[];
}

/** At least this many are folded: two lines read as well as one line and a button. */
const LEAST = 3;
/** A fold reaches no further back than this, in milliseconds: what happened on another day is another story. */
const REACH_MS = 3_600_000;
/** Steps are no longer before their order's end, in milliseconds: a slow download, a long probation. */
const STEP_MS = 30 * 60_000;
/** Events so near to the newest are about the same moment, in milliseconds. */
const TOGETHER_MS = 3_000;
const WEIGHT: Record<Tone, number> = { error: 3, warn: 2, ok: 1, busy: 1, quiet: 0 };

/**
 * Folds events that are newest first. Between two of a subject others may stand: what one subject keeps
 * saying is told once, where it was last said.
 */
export function folded(events: readonly Event[]): Fold[] {
  const groups = new Map<string, Event[]>();
  const order: Event[][] = [];
  /** The order of each subject that steps are on the way to. */
  const ends = new Map<string, Event[]>();
  const steps = new Set<Event[]>();
  for (const event of events) {
    const end = isStep(event.kind) ? ends.get(event.subject) : undefined;
    if (end?.[0] && end[0].at_ms - event.at_ms <= STEP_MS) {
      end.push(event);
      steps.add(end);
      continue;
    }
    const key = event.user === '' ? `${event.subject} ${eventLook(event.kind).story} ${event.kind === 'alert' ? event.label : ''}` : `${event.id}`;
    const group = groups.get(key);
    const first = group?.[0];
    if (group && first && first.at_ms - event.at_ms <= REACH_MS) group.push(event);
    else {
      const fresh = [event];
      groups.set(key, fresh);
      order.push(fresh);
      if (endsOrder(event.kind)) ends.set(event.subject, fresh);
    }
  }
  return order
    .flatMap((group): Fold[] => {
      if (steps.has(group)) return group.slice(0, 1).map((event) => ({ event, older: group.slice(1) }));
      if (group.length < LEAST) return group.map((event) => ({ event, older: [] }));
      const event = headOf(group);
      return event ? [{ event, older: group.filter((other) => other !== event) }] : [];
    })
    .sort((a, b) => b.event.at_ms - a.event.at_ms || b.event.id - a.event.id);
}

/** What is noticed of a socket from outside; whoever runs the program knows better why. */
const OUTSIDE: ReadonlySet<string> = new Set(['started', 'stale', 'failed']);

/** That a socket is gone comes last, but is not what happened: the crash loop is. What runs again is. */
function headOf(group: readonly Event[]): Event | undefined {
  const [newest] = group;
  if (!newest || eventLook(newest.kind).tone === 'ok') return newest;
  const near = group.filter((event) => newest.at_ms - event.at_ms <= TOGETHER_MS);
  const weight = ({ kind, text }: Event) => WEIGHT[eventLook(kind, text).tone] + (OUTSIDE.has(kind) ? 0 : 0.5);
  return near.reduce((best, event) => (weight(event) > weight(best) ? event : best), newest);
}
