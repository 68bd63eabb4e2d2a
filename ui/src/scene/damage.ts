/** What has to be painted again after a change: as little as can be told. */

import type { Camera } from './camera';
import { bodyDepth } from './links';
import { detailAt } from './lod';
import type { Highlight } from './look';
import type { Effect, SceneModel } from './model';
import { paintRect, type SceneEdge, type SceneGroup, type SceneNode } from './nodes';
import type { Surface } from './surface';

/** More changes than this are painted as a whole. */
const MANY_CHANGES = 200;
/** Labels may reach this far from their node, in CSS px; less while nothing shows them in full. */
const FULL_LABEL_PX = 215;
const LABEL_PX = 100;
/** Edges bow and stand out this far from the rectangle of their ends, in layout units. */
const EDGE_REACH = 84;
/** Height of a box's head with its letters, in CSS px at least. */
const HEAD_PX = 32;

export class Damage {
  readonly #surface: Surface;
  readonly #model: SceneModel;
  readonly #highlight: Highlight;
  readonly #camera: () => Camera;

  constructor(surface: Surface, model: SceneModel, highlight: Highlight, camera: () => Camera) {
    this.#surface = surface;
    this.#model = model;
    this.#highlight = highlight;
    this.#camera = camera;
  }

  /** Takes in what a change of the view did. */
  take(effect: Effect): void {
    const { added, removed, moved, edges, looks, bodies } = effect;
    const detail = detailAt(this.#camera().zoom, this.#model.groups.length > 0);
    const changed = added.length + removed.length + edges.length;
    // Names are planned over the whole map, and bodies stand for many: a change there may show anywhere.
    const spreads = detail.labels === 'name' || detail.nodes === 'group';
    if (effect.boxes || moved.length > 0 || changed > MANY_CHANGES || (spreads && changed > 0)) {
      this.#surface.invalidateAll();
      return;
    }
    if (detail.nodes === 'group') {
      this.#levels(effect.levels);
      for (const group of effect.heads) this.#box(group, group.height);
      return;
    }
    for (const group of effect.heads) this.#box(group, HEAD_PX / this.#camera().zoom);
    if (detail.nodes !== 'mark') {
      for (const node of bodies) {
        const settled = Object.is(node.shownLevel, node.level);
        if (settled || detail.values || this.#highlight.showsValue(node)) this.#surface.invalidateBody(node);
      }
    }
    for (const node of [...looks, ...added, ...removed]) this.around(node);
    for (const edge of edges) {
      this.edge(edge);
      // Its neighbours share sides with it, and move over.
      for (const end of [edge.source, edge.target]) this.edgesOf(end);
    }
  }

  /** A node with its labels. */
  around(node: SceneNode, inFull = false): void {
    this.#surface.invalidate(paintRect(node, this.#camera(), inFull ? FULL_LABEL_PX : LABEL_PX));
  }

  edgesOf(node: SceneNode): void {
    for (const edge of node.out) this.edge(edge);
    for (const edge of node.in) this.edge(edge);
  }

  edge({ source, target }: SceneEdge): void {
    const { zoom, x, y } = this.#camera();
    const reach = EDGE_REACH * zoom + 4;
    this.#surface.invalidate({
      x: Math.min(source.x, target.x) * zoom + x - reach,
      y: Math.min(source.y, target.y) * zoom + y - reach,
      width: Math.abs(source.x - target.x) * zoom + 2 * reach,
      height: Math.abs(source.y - target.y) * zoom + 2 * reach,
    });
  }

  /** Boxes that stand for their nodes are painted when their level differs by a row of pixels. */
  #levels(levels: readonly [SceneGroup, number][]): void {
    const { zoom } = this.#camera();
    const depth = bodyDepth(this.#model.groups, zoom);
    for (const [group, before] of levels) {
      const rows = group.height * zoom * this.#surface.dpr;
      if (group.depth === depth && Math.round(before * rows) !== Math.round(group.level * rows)) this.#box(group, group.height);
    }
  }

  /** A box down to a height in layout units. */
  #box(group: SceneGroup, height: number): void {
    const { zoom, x, y } = this.#camera();
    this.#surface.invalidate({ x: group.x * zoom + x, y: group.y * zoom + y - 8, width: group.width * zoom, height: height * zoom + 8 });
  }
}
