import { type Backend, toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import type { CatalogMetric } from '../generated/CatalogMetric';
import type { CatalogPage } from '../generated/CatalogPage';
import type { MetricReading } from '../generated/MetricReading';

/** Metrics that a page shows at once. */
const PAGE = 500;
/** Values shown of a metric. */
const VALUES = 50;

/** Whatever can be measured: what a query finds in the catalog, with the values of one metric. */
export class Catalog {
  page = $state.raw<CatalogPage | null>(null);
  failure = $state.raw<ApiError | null>(null);
  readings = $state.raw<readonly MetricReading[]>([]);
  #backend: Backend;
  /** Grows with each question, so that a slow answer to an earlier one is not shown. */
  #turn = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Asks for what a query finds; an empty one finds everything. */
  async find(query: string): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const params = new URLSearchParams({ limit: String(PAGE), version: 'all' });
    if (query.trim() !== '') params.set('q', query.trim());
    try {
      const page = await this.#backend.send<CatalogPage>({ method: 'GET', path: `/api/catalog?${params}` });
      if (turn !== this.#turn) return;
      this.page = page;
      this.failure = null;
    } catch (thrown) {
      if (turn === this.#turn) this.failure = toApiError(thrown);
    }
  }

  /** Reads the newest values of a metric, of every node that has it. */
  async read(metric: CatalogMetric): Promise<void> {
    const params = new URLSearchParams({ q: metric.namespace.replace(/\/\*[^/]*/g, '/*'), limit: String(VALUES) });
    try {
      this.readings = await this.#backend.send<MetricReading[]>({ method: 'GET', path: `/api/catalog/readings?${params}` });
    } catch {
      // It may be gone; the list says so at its next turn.
      this.readings = [];
    }
  }
}
