import type { Api } from '../../backend/api';
import { joined, type Sample, SPARK_MS } from '../../state/details.svelte';
import type { ViewStore } from '../../state/view.svelte';

const POINTS = 80;
/** Rows whose past is kept; the ones seen longest ago leave first. */
const MAX_ROWS = 400;
/** Questions under way at once. */
const AT_ONCE = 4;

/** The last minutes of one metric for the rows that are on screen. */
export class Trails {
  /** Rises when a past arrives. */
  version = $state.raw(0);
  #api: Api;
  #lines = new Map<string, Sample[]>();
  #queue: { node: string; metric: string }[] = [];
  #running = 0;
  #stop: () => void;

  constructor(
    api: Api,
    view: ViewStore,
    /** The metric of a node that is drawn, if it has one. */
    private readonly metricOf: (node: string) => { id: string; value: number } | undefined,
  ) {
    this.#api = api;
    this.#stop = view.subscribe((change) => {
      if (change.kind === 'frame' && change.fresh) this.clear();
      for (const [node, line] of this.#lines) this.#extend(node, line, view.atMs);
    });
  }

  close(): void {
    this.#stop();
    this.clear();
  }

  clear(): void {
    this.#lines.clear();
    this.#queue = [];
    this.version += 1;
  }

  of(node: string): Sample[] {
    return this.#lines.get(node) ?? [];
  }

  /** Asks for the past of rows that came on screen; what scrolled by before its turn is dropped. */
  want(nodes: string[]): void {
    this.#queue = [];
    for (const node of nodes) {
      const metric = this.metricOf(node);
      if (metric && !this.#lines.has(node)) this.#queue.push({ node, metric: metric.id });
    }
    while (this.#running < AT_ONCE && this.#queue.length > 0) void this.#next();
  }

  async #next(): Promise<void> {
    this.#running += 1;
    for (let wanted = this.#queue.shift(); wanted; wanted = this.#queue.shift()) {
      this.#put(wanted.node, []);
      const to = Date.now();
      try {
        const series = await this.#api.history(wanted.node, wanted.metric, to - SPARK_MS, to, POINTS);
        const past = series.points.map((point): Sample => [point.t_ms, point.avg]);
        this.#put(wanted.node, joined(past, this.of(wanted.node)));
        this.version += 1;
      } catch {
        // Without history the line grows from now on.
      }
    }
    this.#running -= 1;
  }

  #put(node: string, line: Sample[]): void {
    this.#lines.delete(node);
    this.#lines.set(node, line);
    const oldest = this.#lines.keys().next();
    if (this.#lines.size > MAX_ROWS && !oldest.done) this.#lines.delete(oldest.value);
  }

  #extend(node: string, line: Sample[], at: number): void {
    const metric = this.metricOf(node);
    const last = line.at(-1)?.[0] ?? 0;
    if (metric && at > last) this.#lines.set(node, joined(line, [[at, metric.value]]));
  }
}
