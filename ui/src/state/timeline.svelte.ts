import type { Api } from '../backend/api';
import type { Event } from '../generated/Event';
import type { HistorySeries } from '../generated/HistorySeries';
import { Poll } from './poll';

const EVERY_MS = 3000;
const MAX_EVENTS = 500;
const MAX_POINTS = 480;

/** A node's metric that the timeline draws. */
export interface PinnedMetric {
  node: string;
  nodeLabel: string;
  metric: string;
  metricLabel: string;
}

/** Events and the pinned metric over the span of the timeline. */
export class Timeline {
  events = $state.raw<Event[]>([]);
  series = $state.raw<HistorySeries | null>(null);
  /** Bounds of what is drawn, in milliseconds since the epoch. */
  from = $state(Date.now() - 3_600_000);
  to = $state(Date.now());
  #api: Api;
  #poll: Poll;
  #lengthMs = 3_600_000;
  #pinned: PinnedMetric | null = null;
  #at: number | null = null;

  constructor(api: Api) {
    this.#api = api;
    this.#poll = new Poll(() => this.#ask(), EVERY_MS);
  }

  start(): () => void {
    this.#poll.start();
    return () => this.#poll.stop();
  }

  set(lengthMs: number, pinned: PinnedMetric | null, at: number | null): void {
    const samePin = pinned?.node === this.#pinned?.node && pinned?.metric === this.#pinned?.metric;
    if (lengthMs === this.#lengthMs && samePin && at === this.#at) return;
    if (!samePin) this.series = null;
    this.#lengthMs = lengthMs;
    this.#pinned = pinned;
    this.#at = at;
    this.#place();
    this.#poll.refresh();
  }

  /** The event before or after a moment. */
  step(from: number, direction: -1 | 1): Event | null {
    const sorted = [...this.events].sort((a, b) => a.at_ms - b.at_ms);
    const found = direction < 0 ? sorted.findLast((event) => event.at_ms < from - 500) : sorted.find((event) => event.at_ms > from + 500);
    return found ?? null;
  }

  /** The span ends now, unless the shown moment lies before it. */
  #place(): void {
    const now = Date.now();
    const inside = this.#at === null || this.#at >= now - this.#lengthMs;
    this.to = inside || this.#at === null ? now : Math.min(now, this.#at + this.#lengthMs / 2);
    this.from = this.to - this.#lengthMs;
  }

  async #ask(): Promise<void> {
    this.#place();
    const { from, to } = this;
    const pinned = this.#pinned;
    const [events, series] = await Promise.allSettled([
      this.#api.events(from, to, MAX_EVENTS),
      pinned ? this.#api.history(pinned.node, pinned.metric, from, to, MAX_POINTS) : Promise.resolve(null),
    ]);
    if (pinned !== this.#pinned) return;
    // What cannot be had keeps its last state; the status poll says why.
    if (events.status === 'fulfilled') this.events = events.value;
    if (series.status === 'fulfilled') this.series = series.value;
  }
}
