/** How far a node is filled by the chosen metric, and the words for it. */

import { metricKind, type MetricKind } from '../charts/metric';
import type { MetricInfo } from '../generated/MetricInfo';
import type { ViewNode } from '../generated/ViewNode';

/** A reading as the map shows it. */
export interface Reading {
  /** Share in 0…1; NaN when the node has no such metric. */
  readonly level: number;
  readonly text: string;
}

const NOTHING: Reading = { level: Number.NaN, text: '' };

/**
 * Kinds of nodes carry the same quantity under different ids (`process_cpu_usage_percent`,
 * `docker_cpu_total_usage`), so the chosen metric stands for all that share its label.
 */
export class FillScale {
  metrics: readonly MetricInfo[] = [];
  kind: MetricKind = 'other';
  #chosen = new Map<string, MetricInfo>();
  /** Greatest value in view per metric id, for metrics without a limit. */
  #greatest = new Map<string, number>();

  choose(metric: string | null, nodes: Iterable<ViewNode>): void {
    this.#chosen.clear();
    this.#greatest.clear();
    if (metric === null) return;
    const info = this.metrics.find((m) => m.id === metric);
    const label = (info?.label ?? metric).toLowerCase();
    this.kind = metricKind(metric, label);
    for (const other of this.metrics) {
      if (other.id === metric || other.label.toLowerCase() === label) this.#chosen.set(other.id, other);
    }
    for (const node of nodes) {
      for (const reading of node.metrics) {
        if (this.#chosen.has(reading.id)) this.#greatest.set(reading.id, Math.max(reading.value, this.#greatest.get(reading.id) ?? 0));
      }
    }
  }

  read(node: ViewNode): Reading {
    if (this.#chosen.size === 0) return NOTHING;
    for (const { id, value, max } of node.metrics) {
      const info = this.#chosen.get(id);
      if (!info || !Number.isFinite(value)) continue;
      const known = hasLimit(value, max, info.format) ? max : 0;
      const limit = known > 0 ? known : info.format === 'percent' ? 100 : this.#limit(id, value);
      return { level: limit > 0 ? Math.min(1, Math.max(0, value / limit)) : 0, text: inNode(value, known, info.format) };
    }
    return NOTHING;
  }

  /** The greatest value so far: the scale grows with the data and never shrinks, so that levels compare. */
  #limit(id: string, value: number): number {
    const greatest = Math.max(value, this.#greatest.get(id) ?? 0);
    this.#greatest.set(id, greatest);
    return greatest;
  }
}

/** Where a report knows no limit it gives the greatest reading in its place: a size at its own limit is no share of anything. */
export function hasLimit(value: number, max: number, format: string): boolean {
  return max > 0 && (format === 'percent' || max > value);
}

const UNITS: ReadonlyArray<readonly [number, string]> = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** A value short enough for the middle of a node: whole per cent, or a figure with one letter. */
export function inNode(value: number, max: number, format: string): string {
  if (format === 'percent') return `${Math.round(max > 0 ? (value / max) * 100 : value)}%`;
  if (format === 'filesize' && max > 0) return `${Math.round((value / max) * 100)}%`;
  for (const [size, letter] of UNITS) {
    if (Math.abs(value) >= size) return `${oneDecimal(value / size)}${letter}`;
  }
  return oneDecimal(value);
}

function oneDecimal(value: number): string {
  return Math.abs(value) >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, '');
}
