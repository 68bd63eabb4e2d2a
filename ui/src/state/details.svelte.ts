import type { Api } from '../backend/api';
import { toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import type { NodeDetails } from '../generated/NodeDetails';
import { Poll } from './poll';
import type { CardRef } from './route';

const EVERY_MS = 1000;
/** How much past a sparkline shows, in milliseconds. */
export const SPARK_MS = 5 * 60_000;
const SPARK_POINTS = 150;
/** Metrics with a line of their own; the others get theirs when unfolded. */
export const HEAD_METRICS = 3;

export type Sample = [number, number];

/** The topmost card: one node in full, fresh while it is live. */
export class Details {
  node = $state.raw<NodeDetails | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** The last five minutes by metric id. */
  samples = $state.raw<ReadonlyMap<string, Sample[]>>(new Map());
  #api: Api;
  #card: CardRef | null = null;
  #at: number | null = null;
  #paused = false;
  #poll: Poll;
  #asked = new Set<string>();

  constructor(api: Api) {
    this.#api = api;
    this.#poll = new Poll(() => this.#ask(), EVERY_MS);
  }

  start(): () => void {
    this.#poll.start();
    return () => this.#poll.stop();
  }

  show(card: CardRef | null, at: number | null): void {
    const same = card === null ? this.#card === null : this.shows(card);
    if (same && at === this.#at) return;
    this.#card = card;
    this.#at = at;
    this.#asked.clear();
    this.samples = new Map();
    if (!same) this.node = null;
    this.error = null;
    if (card) this.#poll.refresh();
  }

  /** Whether this card is the one shown. */
  shows(card: CardRef): boolean {
    return card.id === this.#card?.id && card.topology === this.#card.topology;
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.#poll.refresh();
  }

  /** Asks at once, as after a control. */
  refresh(): void {
    this.#poll.refresh();
  }

  async #ask(): Promise<void> {
    const card = this.#card;
    const at = this.#at;
    // A moment in the past does not change, and a paused window stands still.
    const known = this.node?.id === card?.id;
    const still = at === null ? known && this.#paused : (known && this.samples.size > 0) || this.error !== null;
    if (!card || still) return;
    try {
      const node = await this.#api.details(card.topology, card.id, at);
      if (card !== this.#card || at !== this.#at) return;
      this.node = node;
      this.error = null;
      this.#append(node);
      await this.#askHistory(node, at);
    } catch (thrown) {
      if (card !== this.#card || at !== this.#at) return;
      this.error = toApiError(thrown);
      // What is known of now says nothing of then.
      if (at !== null) this.node = null;
    }
  }

  /** The past of each metric, once; live readings carry it on. */
  async #askHistory(node: NodeDetails, at: number | null): Promise<void> {
    const to = at ?? Date.now();
    for (const metric of node.metrics) {
      if (this.#asked.has(metric.id)) continue;
      this.#asked.add(metric.id);
      try {
        const series = await this.#api.history(node.id, metric.id, to - SPARK_MS, to, SPARK_POINTS);
        if (node.id !== this.#card?.id || at !== this.#at) return;
        const past = series.points.map((point): Sample => [point.t_ms, point.avg]);
        this.#merge(metric.id, past);
      } catch {
        // Without history the line begins with the readings of the report window.
      }
    }
  }

  #append(node: NodeDetails): void {
    const next = new Map(this.samples);
    for (const metric of node.metrics) {
      next.set(metric.id, joined(next.get(metric.id) ?? [], metric.samples));
    }
    this.samples = next;
  }

  #merge(metric: string, past: Sample[]): void {
    const next = new Map(this.samples);
    next.set(metric, joined(past, next.get(metric) ?? []));
    this.samples = next;
  }
}

/** Older and newer samples as one line; where they overlap the newer ones hold. */
export function joined(older: Sample[], newer: Sample[]): Sample[] {
  const first = newer[0];
  if (first === undefined) return older;
  const kept = older.filter(([at]) => at < first[0]);
  const all = [...kept, ...newer];
  const end = all.at(-1)?.[0] ?? 0;
  return all.filter(([at]) => at >= end - SPARK_MS);
}
