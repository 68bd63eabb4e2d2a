/** Small views for tests. */

import type { MetricInfo } from '../../generated/MetricInfo';
import type { ViewEdge } from '../../generated/ViewEdge';
import type { ViewGroup } from '../../generated/ViewGroup';
import type { ViewNode } from '../../generated/ViewNode';

export const CPU: MetricInfo = { id: 'cpu', label: 'CPU', format: 'percent', group: '', priority: 1 };

export function node(id: string, x = 0, y = 0, more: Partial<ViewNode> = {}): ViewNode {
  return {
    id, x, y,
    kind: 'container', topology: 'containers', label: id, label_minor: '', rank: '', shape: 'hexagon', stack: false, pseudo: false, group: null,
    metrics: [], metadata: [], parents: [], sources: [], started_ms: null, stale_since_ms: null, count: 1,
    ...more,
  };
}

export function edge(source: string, target: string, more: Partial<ViewEdge> = {}): ViewEdge {
  return { id: `${source}---${target}`, source, target, connections: 1, ports: [], metrics: [], ...more };
}

export function group(id: string, parent: string | null, x: number, y: number, width: number, height: number, more: Partial<ViewGroup> = {}): ViewGroup {
  return { id, parent, field: parent === null ? 'host' : 'unit', label: id, facts: '', x, y, width, height, count: 1, ...more };
}

export function reading(value: number, max = 100, id = 'cpu'): { metrics: ViewNode['metrics'] } {
  return { metrics: [{ id, value, max }] };
}
