import { capital } from '../../format/plugin';
import type { CatalogMetric } from '../../generated/CatalogMetric';
import type { ListColumn } from '../../lib/list';
import { type CatalogRow, seriesOf, type Spread } from '../../state/catalog.svelte';

/** A metric by its label, else by its id in words: `Bytes sent/s`. */
export function nameOf(metric: CatalogMetric): string {
  return metric.label || capital(metric.metric.replace(/_per_s(ec(ond)?)?$/, '/s').replaceAll('_', ' '));
}

/** Which plugin a metric is of, as a person says it. */
export function ownerOf({ metric }: CatalogRow): string {
  return metric.built_in ? 'built in' : metric.plugin;
}

/** What the catalog says, and copies and saves. */
export function catalogColumns(spreadOf: (row: CatalogRow) => Spread | undefined): ListColumn<CatalogRow>[] {
  return [
    { id: 'metric', label: 'Metric', text: ({ metric }) => nameOf(metric) },
    { id: 'namespace', label: 'Name', hidden: true, text: ({ metric }) => metric.namespace },
    { id: 'now', label: 'Now', width: 168, narrow: 132, number: true, text: (row) => figure(spreadOf(row)), key: (row) => spreadOf(row)?.most ?? null },
    { id: 'nodes', label: 'Nodes', width: 72, number: true, from: 600, text: (row) => String(spreadOf(row)?.nodes ?? 0), key: (row) => spreadOf(row)?.nodes ?? 0 },
    { id: 'unit', label: 'Unit', width: 88, from: 820, text: ({ metric }) => metric.unit || metric.format },
    { id: 'plugin', label: 'Plugin', width: 152, text: ({ metric }) => metric.plugin },
    { id: 'version', label: 'Version', hidden: true, text: ({ versions }) => versions.map(({ version }) => version).join(' ') },
    { id: 'topology', label: 'Topology', hidden: true, text: ({ metric }) => metric.topology },
    { id: 'about', label: 'Description', hidden: true, text: ({ metric }) => metric.description },
    { id: 'away', label: 'Away', hidden: true, text: ({ metric }) => metric.away },
    { id: 'when', label: 'Advertised', width: 100, number: true, from: 900, text: ({ metric }) => (metric.advertised_ms > 0 ? new Date(metric.advertised_ms).toISOString() : ''), key: ({ metric }) => metric.advertised_ms || null },
  ];
}

function figure(spread: Spread | undefined): string {
  if (!spread) return '';
  return spread.least === spread.most ? String(spread.most) : `${spread.least}..${spread.most}`;
}

/** By plugin, built in first, then by kind of node, then by name. */
export function grouped(rows: readonly CatalogRow[]): CatalogRow[] {
  return [...rows].sort(({ metric: a }, { metric: b }) => Number(b.built_in) - Number(a.built_in) || compare(a.plugin, b.plugin) || compare(a.topology, b.topology) || compare(nameOf(a), nameOf(b)));
}

function compare(a: string, b: string): number {
  return a.localeCompare(b);
}

export function keyOf({ metric }: CatalogRow): string {
  return metric.namespace;
}

/** What a value of a metric is called in {@link seriesOf}. */
export function seriesOfRow({ metric }: CatalogRow): string {
  return seriesOf(metric.plugin, metric.topology, metric.metric);
}
