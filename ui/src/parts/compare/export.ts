import { csv } from '../../lib/list';
import type { App } from '../../state/app.svelte';
import type { Comparison } from '../../state/comparison';

/** The moments compared, in milliseconds since the epoch. */
export interface Moments {
  a: number;
  b: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** One line for each node and connection that differs, header first. */
export function changeRows({ nodes, edges }: Comparison): string[][] {
  return [
    ['Change', 'What', 'Name', 'Id', 'Details'],
    ...nodes.map(({ kind, node, words }) => [kind, node.kind, node.label, node.id, words.join('; ')]),
    ...edges.map(({ kind, edge, source, target }) => [kind, 'connection', `${source} → ${target}`, edge.id, edge.ports.join(' ')]),
  ];
}

/** The same for programs. */
export function changeDocument({ nodes, edges }: Comparison, { a, b }: Moments, topology: string): string {
  return `${JSON.stringify(
    {
      topology,
      from: iso(a),
      to: iso(b),
      nodes: nodes.map(({ kind, node, words }) => ({ change: kind, id: node.id, kind: node.kind, name: node.label, details: words })),
      connections: edges.map(({ kind, edge, source, target }) => ({ change: kind, id: edge.id, source: edge.source, source_name: source, target: edge.target, target_name: target, ports: edge.ports })),
    },
    null,
    2,
  )}\n`;
}

export function saveChanges(app: App, result: Comparison, moments: Moments, format: 'csv' | 'json'): void {
  const stamp = (ms: number): string => iso(ms).slice(0, 19).replaceAll(':', '');
  const name = `orrery-${app.topology}-changes-${stamp(moments.a)}-${stamp(moments.b)}.${format}`;
  if (format === 'csv') void app.saveText(name, 'text/csv', csv(changeRows(result)));
  else void app.saveText(name, 'application/json', changeDocument(result, moments, app.topology));
}
