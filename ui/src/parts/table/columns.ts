import { type MetricKind, metricKind } from '../../charts/metric';
import { factLabel, sortKey } from '../../format/fact';
import type { MetricInfo } from '../../generated/MetricInfo';
import type { ViewMetric } from '../../generated/ViewMetric';
import type { ViewNode } from '../../generated/ViewNode';

/** A column of the table, found from the nodes: relatives, then facts, then metrics. */
export interface Column {
  /** Unique: `name`, `parent:hosts`, `fact:pid`, `metric:cpu`. */
  id: string;
  label: string;
  run: 'name' | 'parent' | 'fact' | 'metric' | 'trail';
  /** Topology of a parent, id of a fact, lower-case label of a metric. */
  key: string;
  dataType: string;
  format: string;
  kind: MetricKind;
  /** Figures stand right, except beside a bar. */
  numeric: boolean;
  /** Drawn with a bar of its share of the limit. */
  bar: boolean;
  /** In CSS px; the name takes what is left. */
  width: number;
  /** Folded away until asked for. */
  hidden: boolean;
}

const PARENT_LABELS: Record<string, string> = {
  hosts: 'Host',
  containers: 'Container',
  'containers-by-image': 'Image',
  pods: 'Pod',
  services: 'Service',
  'kube-controllers': 'Controller',
  'processes-by-name': 'Name',
};

/** Facts that say nothing in a list. */
const SUPPRESSED = /^(ppid|threads|docker_container_ports|docker_container_id|docker_image_id|docker_container_command|docker_container_networks|cmdline|command)$/;
/** Facts of this priority and more are folded away. */
const FOLDED_FROM = 10;

const NAME: Column = { id: 'name', label: 'Name', run: 'name', key: '', dataType: '', format: '', kind: 'other', numeric: false, bar: false, width: 216, hidden: false };

export function findColumns(nodes: Iterable<ViewNode>, metrics: MetricInfo[]): Column[] {
  const parents = new Map<string, Column>();
  const facts = new Map<string, Column>();
  const present = new Set<string>();
  for (const node of nodes) {
    for (const parent of node.parents) {
      if (!parents.has(parent.topology)) parents.set(parent.topology, parentColumn(parent.topology));
    }
    for (const row of node.metadata) {
      if (!facts.has(row.id)) facts.set(row.id, factColumn(row.id, row.label, row.data_type, row.priority));
    }
    for (const metric of node.metrics) present.add(metric.id);
  }
  const byLabel = (a: Column, b: Column) => a.label.localeCompare(b.label);
  const readings = new Map<string, Column>();
  for (const metric of metrics) {
    const column = metricColumn(metric);
    if (present.has(metric.id) && !readings.has(column.id)) readings.set(column.id, column);
  }
  const ordered = [...readings.values()].sort((a, b) => metricRank(a) - metricRank(b));
  return [NAME, ...[...parents.values()].sort(byLabel), ...[...facts.values()].sort(byLabel), ...withTrail(ordered)];
}

/** CPU, then memory, then the rest in their own order: what every node has stands where the eye looks first. */
function metricRank(column: Column): number {
  if (/^cpu\b/i.test(column.label)) return 0;
  return /^mem(ory)?\b/i.test(column.label) ? 1 : 2;
}

/** The first metric is followed by its last minutes. */
function withTrail(metrics: Column[]): Column[] {
  const [first, ...rest] = metrics;
  if (!first) return [];
  const trail: Column = { ...first, id: 'trail', label: `${first.label}, 5 min`, run: 'trail', numeric: false, bar: false, width: 104 };
  return [first, trail, ...rest];
}

function parentColumn(topology: string): Column {
  return { ...NAME, id: `parent:${topology}`, label: PARENT_LABELS[topology] ?? topology, run: 'parent', key: topology, width: topology === 'hosts' ? 96 : 152 };
}

function factColumn(id: string, label: string, dataType: string, priority: number): Column {
  const numeric = dataType === 'number' || dataType === 'duration' || dataType === 'datetime';
  return { ...NAME, id: `fact:${id}`, label: factLabel(label), run: 'fact', key: id, dataType, numeric, width: numeric ? 80 : 112, hidden: priority >= FOLDED_FROM || SUPPRESSED.test(id) };
}

function metricColumn(metric: MetricInfo): Column {
  const kind = metricKind(metric.id, metric.label);
  const bar = kind === 'cpu' || kind === 'memory';
  const key = metric.label.toLowerCase();
  return { ...NAME, id: `metric:${key}`, label: metric.label, run: 'metric', key, format: metric.format, kind, numeric: !bar, bar, width: bar ? 136 : 96 };
}

/** A node's reading of a metric column; kinds of nodes carry it under different ids. */
export function readingOf(node: ViewNode, column: Column, labels: ReadonlyMap<string, string>): ViewMetric | undefined {
  return node.metrics.find((metric) => labels.get(metric.id) === column.key);
}

/** Lower-case labels by metric id. */
export function metricLabels(metrics: MetricInfo[]): Map<string, string> {
  return new Map(metrics.map((metric) => [metric.id, metric.label.toLowerCase()]));
}

/** What a cell says, as text that could be typed back: figures in full, nothing formatted. */
export function rawCell(node: ViewNode, column: Column, labels: ReadonlyMap<string, string>): string {
  switch (column.run) {
    case 'name':
      return node.label;
    case 'parent':
      return node.parents.filter((parent) => parent.topology === column.key).map((parent) => parent.label).join(', ');
    case 'fact':
      return node.metadata.find((row) => row.id === column.key)?.value ?? '';
    case 'metric': {
      const value = readingOf(node, column, labels)?.value;
      return value === undefined ? '' : String(value);
    }
    case 'trail':
      return '';
  }
}

/** Figures and times begin with the greatest, words with A. */
export function descendingFirst(column: Column): boolean {
  return column.run === 'metric' || column.numeric;
}

/** The column sorted by when nothing is chosen: the first metric, else the name. */
export function standardSort(columns: Column[]): { column: string; descending: boolean } {
  const metric = columns.find((column) => column.run === 'metric');
  return metric ? { column: metric.id, descending: true } : { column: 'name', descending: false };
}

export function sortNodes(nodes: ViewNode[], column: Column, descending: boolean, labels: ReadonlyMap<string, string>): ViewNode[] {
  const type = column.run === 'metric' ? 'number' : column.dataType;
  const keyed = nodes.map((node) => ({ node, raw: rawCell(node, column, labels) }));
  const sign = descending ? -1 : 1;
  const rows = keyed.map(({ node, raw }) => ({ node, empty: raw === '', key: sortKey(raw, type) }));
  rows.sort((a, b) => {
    // What has no value comes last, whichever way.
    if (a.empty !== b.empty) return a.empty ? 1 : -1;
    if (a.key !== b.key) return a.key < b.key ? -sign : sign;
    return a.node.label.localeCompare(b.node.label) || (a.node.id < b.node.id ? -1 : 1);
  });
  return rows.map((row) => row.node);
}
