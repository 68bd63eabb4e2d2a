/** How strong an edge is: by the bytes that it carries, or by its connections where nobody counts bytes. */

import type { ViewEdge } from '../generated/ViewEdge';

/** Bytes per second that an edge carries both ways; NaN when no metric says. */
export function rateOf(edge: ViewEdge): number {
  let sum = Number.NaN;
  for (const metric of edge.metrics) {
    if (metric.id.includes('bytes') && metric.id.includes('per_s')) sum = (Number.isNaN(sum) ? 0 : sum) + metric.value;
  }
  return sum;
}

const STRONG_BYTES_PER_S = 1_000_000;
const MEDIUM_BYTES_PER_S = 50_000;
const STRONG_CONNECTIONS = 12;
const MEDIUM_CONNECTIONS = 4;

export function weightOf(rate: number, connections: number): 0 | 1 | 2 {
  if (rate >= STRONG_BYTES_PER_S || connections >= STRONG_CONNECTIONS) return 2;
  return rate >= MEDIUM_BYTES_PER_S || connections >= MEDIUM_CONNECTIONS ? 1 : 0;
}
