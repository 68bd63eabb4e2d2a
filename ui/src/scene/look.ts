/** What stands out: selection, hover, keyboard focus, search; and how strongly the rest is drawn. */

import type { SceneModel } from './model';
import type { SceneEdge, SceneNode } from './nodes';

export class Highlight {
  selected: SceneNode | null = null;
  hovered: SceneNode | null = null;
  focused: SceneNode | null = null;
  /** Ids that a search found: all others are dimmed; null when nothing is searched. */
  brightIds: ReadonlySet<string> | null = null;
  /** Neighbours of the selection: they show their values. */
  neighbours: ReadonlySet<SceneNode> = new Set();
  #wasIdle = true;

  /** Nothing stands out, and nothing did when strengths were last worked out. */
  get isIdle(): boolean {
    return this.#wasIdle && !this.selected && !this.hovered && !this.brightIds;
  }

  /** Works out anew what is dimmed. Returns true when anything is to change. */
  update(model: SceneModel): boolean {
    if (this.isIdle) return false;
    this.#wasIdle = !this.selected && !this.hovered && !this.brightIds;
    this.neighbours = this.selected ? model.neighbours(this.selected) : new Set();
    let differs = false;
    for (const node of model.nodes.values()) {
      const to = this.#nodeDim(node);
      if (to !== node.dimTo) differs = true;
      node.dimFrom = node.dim;
      node.dimTo = to;
    }
    for (const edge of model.edges.values()) {
      const high = this.#isHigh(edge);
      const to = this.#edgeDim(edge, high);
      if (to !== edge.dimTo || high !== edge.high) differs = true;
      edge.high = high;
      edge.dimFrom = edge.dim;
      edge.dimTo = to;
    }
    return differs;
  }

  /** Sets every strength to its place on the way, `t` in 0…1. */
  advance(model: SceneModel, t: number): void {
    for (const node of model.nodes.values()) node.dim = node.dimFrom + (node.dimTo - node.dimFrom) * t;
    for (const edge of model.edges.values()) edge.dim = edge.dimFrom + (edge.dimTo - edge.dimFrom) * t;
  }

  /** The value stands in the middle of this node. */
  showsValue(node: SceneNode): boolean {
    return node === this.hovered || node === this.selected || node === this.focused || this.neighbours.has(node);
  }

  #nodeDim(node: SceneNode): number {
    if (node === this.selected || node === this.hovered) return 0;
    if (this.brightIds) return this.brightIds.has(node.id) ? 0 : 1;
    return this.selected && !this.neighbours.has(node) ? 1 : 0;
  }

  #isHigh(edge: SceneEdge): boolean {
    const { source, target } = edge;
    return source === this.selected || target === this.selected || source === this.hovered || target === this.hovered;
  }

  #edgeDim(edge: SceneEdge, high: boolean): number {
    if (high) return 0;
    if (this.brightIds) return this.brightIds.has(edge.source.id) && this.brightIds.has(edge.target.id) ? 0 : 1;
    return this.selected ? 1 : 0;
  }
}
