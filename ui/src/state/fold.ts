import type { Event } from '../generated/Event';

/** Events of one subject and kind that follow each other, shown as one. */
export interface Fold {
  /** The newest. */
  event: Event;
  /** The others, newest first. */
  older: Event[];
}

/** At least this many are folded: two lines read as well as one line and a button. */
const LEAST = 3;
/** A fold reaches no further back than this, in milliseconds: what happened on another day is another story. */
const REACH_MS = 3_600_000;

/**
 * Folds events that are newest first. Between two of a subject others may stand: what one subject keeps
 * saying is told once, where it was last said.
 */
export function folded(events: readonly Event[]): Fold[] {
  const groups = new Map<string, Event[]>();
  const order: Event[][] = [];
  for (const event of events) {
    const key = event.user === '' ? `${event.subject} ${event.kind}` : `${event.id}`;
    const group = groups.get(key);
    const first = group?.[0];
    if (group && first && first.at_ms - event.at_ms <= REACH_MS) group.push(event);
    else {
      const fresh = [event];
      groups.set(key, fresh);
      order.push(fresh);
    }
  }
  return order
    .flatMap((group): Fold[] => {
      const [event, ...older] = group;
      if (!event) return [];
      return group.length >= LEAST ? [{ event, older }] : group.map((one) => ({ event: one, older: [] }));
    })
    .sort((a, b) => b.event.at_ms - a.event.at_ms || b.event.id - a.event.id);
}
