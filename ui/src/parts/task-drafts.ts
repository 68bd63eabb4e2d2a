import type { NodeDetails } from '../generated/NodeDetails';
import type { App } from '../state/app.svelte';
import { alarmAbove, alertManifest, type Named, queriesFor, recordManifest } from '../state/task-begin';

/** Nodes that a task is offered for at most; a query of its own serves more. */
const MOST_NODES = 40;

/** What a task may be about besides a node: other open cards, and what the search leaves bright. */
function others(app: App, node: NodeDetails): Named[] {
  const cards = app.place.cards.map(({ id }) => id);
  const found = app.bright === null ? [] : [...app.bright];
  const ids = new Set([...cards, ...found]);
  ids.delete(node.id);
  return [...ids].flatMap((id) => (app.view.nodes.has(id) ? [{ id, label: app.view.nodes.get(id)?.label ?? id }] : [])).slice(0, MOST_NODES);
}

/** Opens a task that records metrics of a node, or one that tells when the first of them is too high. */
export function beginTask(app: App, node: NodeDetails, kind: 'record' | 'alert', metrics: readonly string[]): void {
  const first = node.metrics.find(({ id }) => id === metrics[0]) ?? node.metrics[0];
  if (!first) return;
  const about = {
    nodes: [{ id: node.id, label: node.label }, ...others(app, node)],
    metrics: node.metrics.map(({ id, label }) => ({ id, label })),
    chosenNodes: [node.id],
    chosenMetrics: kind === 'alert' ? [first.id] : metrics,
  };
  const queries = queriesFor(about.chosenNodes, about.chosenMetrics);
  const most = Math.max(first.value ?? 0, ...(app.details.samples.get(first.id) ?? []).map(([, value]) => value));
  const limit = first.format === 'percent' ? Math.max(first.max, 100) : 0;
  const manifest = kind === 'alert' ? alertManifest(`alert: ${first.label} of ${node.label}`, queries, alarmAbove(most, limit)) : recordManifest(`record ${node.label}`, queries);
  app.taskDraft = { task: null, manifest, about };
}
