import type { CatalogMetric } from '../generated/CatalogMetric';

/** A node or metric that a task is about, with the name that it goes by. */
export interface Named {
  id: string;
  label: string;
}

/** What a new task is about; its dialog lets a person choose among these. */
export interface TaskAbout {
  /** The first is what was open; the others are what else may be meant. */
  nodes: readonly Named[];
  metrics: readonly Named[];
  /** Ids of those that are meant at first. */
  chosenNodes: readonly string[];
  chosenMetrics: readonly string[];
}

/** An element of a name: in it a backslash stands before what means something in names. */
function element(text: string): string {
  return text.replace(/[\\/*;()]/g, (mark) => `\\${mark}`);
}

/** One or several, as a query has them. */
function tuple(ids: readonly string[]): string {
  return ids.length === 1 ? element(ids[0] ?? '') : `(${ids.map(element).join(';')})`;
}

/** The queries for metrics of nodes, one for each metric. */
export function queriesFor(nodes: readonly string[], metrics: readonly string[]): string[] {
  if (nodes.length === 0) return [];
  return metrics.map((metric) => `/*/*/${tuple(nodes)}/${element(metric)}`);
}

/** A word of YAML that is nothing else, such as a number or a list. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function fileName(words: string): string {
  return words.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'values';
}

/** A file that can be written without more ado. */
export function recordPath(name: string): string {
  return `/var/tmp/orrery-${fileName(name)}.jsonl`;
}

function collected(queries: readonly string[]): string {
  return queries.map((query) => `  ${quoted(query)}: {}`).join('\n');
}

/** Begins a task that writes values to a file. */
export function recordManifest(name: string, queries: readonly string[]): string {
  return `version: 2
name: ${quoted(name)}
schedule: { type: simple, interval: 5s }
collect:
${collected(queries)}
publish:
  - plugin: file
    config: { path: ${quoted(recordPath(name))} }
`;
}

/** Begins a task that tells when a value rises above something. */
export function alertManifest(name: string, queries: readonly string[], above: number): string {
  return `version: 2
name: ${quoted(name)}
schedule: { type: simple, interval: 5s }
collect:
${collected(queries)}
process:
  - plugin: threshold
    config: { above: ${above} }
    publish:
      - plugin: notification
        config: { title: ${quoted(name.replace(/^alert: /, ''))} }
`;
}

/** Begins a task that writes what a person sees when nothing else is known. */
export function newManifest(): string {
  return recordManifest('record-load', ['/orrery/host/*/load1']);
}

/** The query for a metric of the catalog, of every node that has it. */
export function queryOf(metric: CatalogMetric): string {
  return metric.namespace.replace(/\/\*[^/]*/g, '/*');
}

/** A value a little above the greatest that was seen, and below the limit where there is one, in two digits. */
export function alarmAbove(most: number, limit = 0): number {
  const wanted = limit > most ? Math.min(most * 1.2, (most + limit) / 2) : most * 1.2;
  return Number((wanted || 1).toPrecision(2));
}
