import { type Backend, toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import type { CatalogMetric } from '../generated/CatalogMetric';
import type { CatalogPage } from '../generated/CatalogPage';
import type { MetricReading } from '../generated/MetricReading';
import type { SearchHit } from '../generated/SearchHit';
import type { SearchResult } from '../generated/SearchResult';
import { Poll } from './poll';
import { queryOf } from './task-begin';

/** Metrics that a page shows at once. */
const PAGE = 2000;
/** Values read of the metrics in sight, for each kind of node of a plugin. */
const VALUES_SEEN = 1000;
/** Values shown of the metric that is open. */
const VALUES_OPEN = 500;
/** Nodes whose names are known, of one kind. */
const LABELS = 1000;
/** Beats in milliseconds: names seldom change, values do. */
const NAMES_MS = 5000;
const VALUES_MS = 2000;

/** Values of a metric in sight: how many nodes have one, and between what they lie. */
export interface Spread {
  nodes: number;
  least: number;
  most: number;
  /** There are more than were read. */
  more: boolean;
}

/** All versions of a metric, the one that counts first. */
export interface CatalogRow {
  metric: CatalogMetric;
  versions: CatalogMetric[];
}

/** Plugin, kind of node and metric: what a reading and its entry have in common. */
export function seriesOf(plugin: string, topology: string, metric: string): string {
  return `${plugin}\n${topology}\n${metric}`;
}

function pluginOf(reading: MetricReading): string {
  return reading.namespace.split('/')[1] ?? '';
}

/** Entries by name, with their versions side by side: what can be had before what is away, in the order given. */
export function rowsOf(metrics: readonly CatalogMetric[]): CatalogRow[] {
  const rows = new Map<string, CatalogMetric[]>();
  for (const metric of metrics) rows.set(metric.namespace, [...(rows.get(metric.namespace) ?? []), metric]);
  return [...rows.values()].map((versions) => {
    const metric = versions.find(({ away }) => away === '') ?? versions[0];
    return { metric: metric as CatalogMetric, versions };
  });
}

/** One question for all metrics of a plugin's kind of node that are in sight. */
function questions(metrics: readonly CatalogMetric[]): string[] {
  const groups = new Map<string, Set<string>>();
  const alone = new Set<string>();
  for (const metric of metrics) {
    const query = queryOf(metric);
    const parts = /^(\/[^/]+\/[^/]+\/\*)\/([^/*]+)$/.exec(query);
    if (!parts?.[1] || !parts[2]) alone.add(query);
    else groups.set(parts[1], (groups.get(parts[1]) ?? new Set()).add(parts[2]));
  }
  return [...alone, ...[...groups].map(([head, names]) => (names.size === 1 ? `${head}/${[...names][0]}` : `${head}/(${[...names].map((name) => name.replace(/(?<!\\)([;()])/g, '\\$1')).join(';')})`))];
}

/** Whatever can be measured: what a query finds in the catalog, with the values of what is in sight. */
export class Catalog {
  page = $state.raw<CatalogPage | null>(null);
  failure = $state.raw<ApiError | null>(null);
  /** Values of the metrics in sight, by {@link seriesOf}. */
  spreads = $state.raw<ReadonlyMap<string, Spread>>(new Map());
  /** Values of the metric that is open; null until they are known. */
  readings = $state.raw<readonly MetricReading[] | null>(null);
  /** Nodes by id, as far as they were asked for. */
  nodes = $state.raw<ReadonlyMap<string, SearchHit>>(new Map());
  #backend: Backend;
  #names: Poll;
  #values: Poll;
  #query = '';
  #seen: readonly CatalogMetric[] = [];
  #open: CatalogMetric | null = null;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#names = new Poll(async () => {
      await Promise.all([this.#askNames(), this.#askNodes()]);
    }, NAMES_MS);
    this.#values = new Poll(async () => {
      await Promise.all([this.#askSeen(), this.#askOpen()]);
    }, VALUES_MS);
  }

  /** Looks again and again. Returns how to stop. */
  watch(): () => void {
    this.#names.start();
    this.#values.start();
    return () => {
      this.#names.stop();
      this.#values.stop();
    };
  }

  /** Asks for what a query finds; an empty one finds everything. */
  find(query: string): void {
    if (this.#query === query) return;
    this.#query = query;
    this.#names.refresh();
  }

  /** Metrics whose values are wanted beside their names. */
  want(metrics: readonly CatalogMetric[]): void {
    const isNew = metrics.some(({ plugin, topology, metric }) => !this.spreads.has(seriesOf(plugin, topology, metric)));
    this.#seen = metrics;
    if (isNew) this.#values.refresh();
  }

  /** The metric whose values of every node are wanted. */
  show(metric: CatalogMetric | null): void {
    if (this.#open?.namespace === metric?.namespace) return;
    this.#open = metric;
    this.readings = null;
    this.#values.refresh();
    this.#names.refresh();
  }

  async #askNames(): Promise<void> {
    const query = this.#query;
    const params = new URLSearchParams({ limit: String(PAGE), version: 'all' });
    if (query !== '') params.set('q', query);
    try {
      const page = await this.#backend.send<CatalogPage>({ method: 'GET', path: `/api/catalog?${params}` });
      if (query !== this.#query) return;
      this.page = page;
      this.failure = null;
    } catch (thrown) {
      if (query === this.#query) this.failure = toApiError(thrown);
    }
  }

  /** What nodes are called, of the kind that the open metric is of. */
  async #askNodes(): Promise<void> {
    const kind = this.#open?.topology;
    if (!kind) return;
    try {
      const { hits } = await this.#backend.call<SearchResult>({ op: 'search', query: `kind:${kind}`, limit: LABELS });
      this.nodes = new Map(hits.map((hit) => [hit.id, hit]));
    } catch {
      // Their ids stand for them then.
    }
  }

  async #askSeen(): Promise<void> {
    const found = new Map<string, Spread>();
    const answers = await Promise.all(questions(this.#seen.filter(({ away }) => away === '')).map((query) => this.#read(query, VALUES_SEEN)));
    for (const readings of answers) {
      const more = readings.length >= VALUES_SEEN;
      for (const reading of readings) {
        const series = seriesOf(pluginOf(reading), reading.topology, reading.metric);
        const known = found.get(series);
        if (known) found.set(series, { nodes: known.nodes + 1, least: Math.min(known.least, reading.value), most: Math.max(known.most, reading.value), more });
        else found.set(series, { nodes: 1, least: reading.value, most: reading.value, more });
      }
    }
    this.spreads = found;
  }

  async #askOpen(): Promise<void> {
    const metric = this.#open;
    if (!metric) return;
    const readings = await this.#read(queryOf(metric), VALUES_OPEN);
    if (this.#open?.namespace === metric.namespace) this.readings = readings;
  }

  async #read(query: string, limit: number): Promise<MetricReading[]> {
    const params = new URLSearchParams({ q: query, limit: String(limit) });
    try {
      return await this.#backend.send<MetricReading[]>({ method: 'GET', path: `/api/catalog/readings?${params}` });
    } catch {
      // It may be gone; the list says so at its next turn.
      return [];
    }
  }
}
