import { count, metricValue } from '../format/number';
import type { MetricInfo } from '../generated/MetricInfo';
import type { ViewEdge } from '../generated/ViewEdge';
import type { ViewMetric } from '../generated/ViewMetric';
import type { ViewNode } from '../generated/ViewNode';

/** A picture as far as it is compared. */
export interface Picture {
  readonly nodes: ReadonlyMap<string, ViewNode>;
  readonly edges: ReadonlyMap<string, ViewEdge>;
  readonly metrics: readonly MetricInfo[];
}

export type ChangeKind = 'added' | 'gone' | 'changed';

/** A node that is not as it was. */
export interface NodeChange {
  readonly kind: ChangeKind;
  /** As it is; of one that is gone, as it was. */
  readonly node: ViewNode;
  /** What differs, the weightiest first, such as `CPU 22 % → 63 %`; empty for what came or went whole. */
  readonly words: readonly string[];
}

/** A connection that was not there, or is not there any more. */
export interface EdgeChange {
  readonly kind: 'added' | 'gone';
  readonly edge: ViewEdge;
  readonly source: string;
  readonly target: string;
}

export interface Comparison {
  /** Gone, added, changed; each by name. */
  readonly nodes: readonly NodeChange[];
  readonly edges: readonly EdgeChange[];
}

/** Per cent of a limit by which a level must differ to be told. */
const LEVEL_STEP = 25;
/** How many times a size must grow or shrink, and by how many bytes at least. */
const SIZE_TIMES = 1.5;
const SIZE_STEP = 64 * 1024 * 1024;

/** Facts that differ from one second to the next, and say nothing. */
const RESTLESS = /^(threads|ppid|uptime|load|docker_container_uptime|local_networks|open_files_limited)$|_(bytes|percent|ms|at)$/;
const CHANGE_ORDER: Record<ChangeKind, number> = { gone: 0, added: 1, changed: 2 };

/** What differs from one moment to another. `hosts` are told only where they are what is looked at. */
export function compared(before: Picture, after: Picture, hosts: boolean): Comparison {
  const nodes: NodeChange[] = [];
  // A host stands in other topologies for connections that belong to nothing else: it comes and goes with them.
  const told = (node: ViewNode): boolean => hosts || node.kind !== 'host';
  for (const node of after.nodes.values()) {
    if (!told(node)) continue;
    const was = before.nodes.get(node.id);
    if (!was) nodes.push({ kind: 'added', node, words: [] });
    else {
      const words = differences(was, node, after.metrics);
      if (words.length > 0) nodes.push({ kind: 'changed', node, words });
    }
  }
  for (const node of before.nodes.values()) if (told(node) && !after.nodes.has(node.id)) nodes.push({ kind: 'gone', node, words: [] });
  nodes.sort((a, b) => CHANGE_ORDER[a.kind] - CHANGE_ORDER[b.kind] || a.node.label.localeCompare(b.node.label) || (a.node.id < b.node.id ? -1 : 1));
  return { nodes, edges: [...edgesOnlyIn(after, before, 'added'), ...edgesOnlyIn(before, after, 'gone')] };
}

function edgesOnlyIn(here: Picture, there: Picture, kind: EdgeChange['kind']): EdgeChange[] {
  const found: EdgeChange[] = [];
  for (const edge of here.edges.values()) {
    if (there.edges.has(edge.id)) continue;
    const source = here.nodes.get(edge.source)?.label;
    const target = here.nodes.get(edge.target)?.label;
    if (source !== undefined && target !== undefined) found.push({ kind, edge, source, target });
  }
  return found.sort((a, b) => a.source.localeCompare(b.source) || a.target.localeCompare(b.target));
}

/** In words: another start, another version, another count, other facts, much more or less of something. */
function differences(was: ViewNode, is: ViewNode, metrics: readonly MetricInfo[]): string[] {
  const words: string[] = [];
  if (was.started_ms !== null && is.started_ms !== null && was.started_ms !== is.started_ms) words.push('restarted');
  if (was.count !== is.count) words.push(`${arrow(count(was.count), count(is.count))} ${/^[\d\s\u2009]+ (.+)$/.exec(is.label_minor)?.[1] ?? 'in it'}`);
  else if (was.label_minor !== is.label_minor && is.label_minor !== '') words.push(arrow(was.label_minor, is.label_minor));
  for (const row of is.metadata) {
    const old = was.metadata.find((one) => one.id === row.id);
    if (!old || old.value === row.value || isRestless(is, row.id, row.data_type)) continue;
    words.push(`${row.label} ${arrow(old.value, row.value)}`);
  }
  for (const reading of is.metrics) {
    const info = metrics.find((one) => one.id === reading.id);
    const old = was.metrics.find((one) => one.id === reading.id);
    if (info && old && isMuch(old, reading, info.format)) words.push(`${info.label} ${arrow(metricValue(old.value, info.format, info.id), metricValue(reading.value, info.format, info.id))}`);
  }
  return words;
}

function arrow(from: string, to: string): string {
  return `${from} → ${to}`;
}

/** A process sleeps and runs many times a second; times and durations go on by themselves. */
function isRestless(node: ViewNode, id: string, type: string): boolean {
  return type === 'datetime' || type === 'duration' || RESTLESS.test(id) || (id === 'state' && /process/.test(node.kind));
}

function isMuch(was: ViewMetric, is: ViewMetric, format: string): boolean {
  if (format === 'percent') {
    const limit = is.max > 0 ? is.max : 100;
    return (Math.abs(is.value - was.value) / limit) * 100 >= LEVEL_STEP;
  }
  if (format !== 'filesize') return false;
  const [least, most] = [Math.min(was.value, is.value), Math.max(was.value, is.value)];
  return most - least >= SIZE_STEP && most >= least * SIZE_TIMES;
}
