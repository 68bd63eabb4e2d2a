/** What the scene needs of the view store; it listens there, so that no component renders per node. */

import type { MetricInfo } from '../generated/MetricInfo';
import type { ViewEdge } from '../generated/ViewEdge';
import type { ViewGroup } from '../generated/ViewGroup';
import type { ViewNode } from '../generated/ViewNode';
import type { ViewChange } from '../state/view.svelte';

export interface SceneSource {
  readonly nodes: ReadonlyMap<string, ViewNode>;
  readonly edges: ReadonlyMap<string, ViewEdge>;
  readonly groups: readonly ViewGroup[];
  readonly metrics: readonly MetricInfo[];
  subscribe(listener: (change: ViewChange) => void): () => void;
}

/** The entries of ids that are still there. */
export function* pick<T>(map: ReadonlyMap<string, T>, ids: readonly string[]): Generator<T> {
  for (const id of ids) {
    const value = map.get(id);
    if (value !== undefined) yield value;
  }
}
