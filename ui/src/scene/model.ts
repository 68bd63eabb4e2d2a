/** The scene's copy of a view: linked, measured, and told apart by what each change touches. */

import { minorInHost } from '../format/minor';
import type { MetricInfo } from '../generated/MetricInfo';
import type { ViewEdge } from '../generated/ViewEdge';
import type { ViewGroup } from '../generated/ViewGroup';
import type { ViewNode } from '../generated/ViewNode';
import type { Rect } from './camera';
import type { Curve } from './curves';
import { courseOf, spreadEnds } from './ends';
import { SpatialGrid } from './grid';
import { FillScale } from './fill';
import { blankNode, boundsOf, measure, type NodeMark, type SceneEdge, type SceneGroup, type SceneNode } from './nodes';
import { shapeName } from './shapes';
import { kindClass } from './theme';
import { rateOf, weightOf } from './traffic';

/** What a change did to the picture, so that no more than that is painted. */
export interface Effect {
  /** Nodes whose body alone differs: level, value. */
  bodies: SceneNode[];
  /** Nodes whose look differs beyond the body: labels, shape, marks. */
  looks: SceneNode[];
  added: SceneNode[];
  removed: SceneNode[];
  moved: SceneNode[];
  /** Edges that came, went or changed their strength. */
  edges: SceneEdge[];
  /** Boxes came, went or changed their place. */
  boxes: boolean;
  /** Boxes whose label or facts differ. */
  heads: SceneGroup[];
  /** Boxes whose mean level differs, with what it was. */
  levels: [group: SceneGroup, before: number][];
}

function noEffect(): Effect {
  return { bodies: [], looks: [], added: [], removed: [], moved: [], edges: [], boxes: false, heads: [], levels: [] };
}

export class SceneModel {
  readonly nodes = new Map<string, SceneNode>();
  readonly edges = new Map<string, SceneEdge>();
  readonly grid = new SpatialGrid<SceneNode>();
  groups: SceneGroup[] = [];
  /** Nodes that stand in no box. */
  readonly loose = new Set<SceneNode>();
  /** Extent of all nodes with labels, and of all boxes. */
  bounds: Rect = { x: 0, y: 0, width: 0, height: 0 };
  /** Rises when nodes, edges or boxes come, go or move: what was derived from them is old. */
  structure = 0;
  readonly fill = new FillScale();

  #groupById = new Map<string, SceneGroup>();
  /** Nodes whose edges' ends have to be spread anew. */
  #unspread = new Set<SceneNode>();

  /** Replaces everything. Nodes that were there before keep their identity, place on screen and level. */
  replace(nodes: Iterable<ViewNode>, edges: Iterable<ViewEdge>, groups: readonly ViewGroup[], metrics: readonly MetricInfo[]): Effect {
    const effect = noEffect();
    this.setMetrics(metrics);
    this.#setGroups(groups, effect);
    const leftNodes = new Map(this.nodes);
    for (const view of nodes) {
      leftNodes.delete(view.id);
      this.#putNode(view, effect);
    }
    for (const node of leftNodes.values()) this.#dropNode(node, effect);
    const leftEdges = new Map(this.edges);
    for (const view of edges) {
      leftEdges.delete(view.id);
      this.#putEdge(view, effect);
    }
    for (const edge of leftEdges.values()) this.#dropEdge(edge, effect);
    this.#settle(effect);
    return effect;
  }

  /** Applies a delta whose entries were already looked up in the view. */
  apply(
    nodes: Iterable<ViewNode>,
    nodesRemoved: Iterable<string>,
    edges: Iterable<ViewEdge>,
    edgesRemoved: Iterable<string>,
    groups: readonly ViewGroup[] | null,
    metrics: readonly MetricInfo[] | null,
  ): Effect {
    const effect = noEffect();
    if (metrics) this.setMetrics(metrics);
    if (groups) this.#setGroups(groups, effect);
    for (const id of edgesRemoved) {
      const edge = this.edges.get(id);
      if (edge) this.#dropEdge(edge, effect);
    }
    for (const id of nodesRemoved) {
      const node = this.nodes.get(id);
      if (node) this.#dropNode(node, effect);
    }
    for (const view of nodes) this.#putNode(view, effect);
    for (const view of edges) this.#putEdge(view, effect);
    this.#settle(effect);
    return effect;
  }

  setMetrics(metrics: readonly MetricInfo[]): void {
    this.fill.metrics = metrics;
  }

  /** Chooses the metric that fills nodes. The views are needed because the scene does not keep readings. */
  setFill(metric: string | null, nodes: Iterable<ViewNode>): void {
    this.fill.choose(metric, nodes);
    for (const view of nodes) {
      const node = this.nodes.get(view.id);
      if (node) this.#setLevel(node, view);
    }
    this.#groupLevels(null);
  }

  /** Marks nodes as added, gone, changed or broken; others lose their mark. */
  setMarks(marks: ReadonlyMap<string, NodeMark> | null, edgeMarks: ReadonlyMap<string, SceneEdge['mark']> | null): void {
    for (const node of this.nodes.values()) {
      node.mark = marks?.get(node.id) ?? null;
      measure(node);
    }
    for (const edge of this.edges.values()) {
      edge.mark = edgeMarks?.get(edge.id) ?? null;
      edge.curve = null;
    }
  }

  /** The curve of an edge, worked out when it is first needed. */
  curve(edge: SceneEdge): Curve {
    if (this.#unspread.size > 0) {
      if (this.#unspread.delete(edge.source)) spreadEnds(edge.source);
      if (this.#unspread.delete(edge.target)) spreadEnds(edge.target);
    }
    edge.curve ??= courseOf(edge, this.#near);
    return edge.curve;
  }

  readonly #near = (area: Rect): SceneNode[] => this.grid.query(area);

  /** Forgets the courses of a node's edges, because it moves or its labels changed height. */
  uncurve(node: SceneNode): void {
    for (const edge of node.out) edge.curve = null;
    for (const edge of node.in) edge.curve = null;
  }

  /** Nodes and edges at the far ends of a node's edges. */
  neighbours(node: SceneNode): Set<SceneNode> {
    const found = new Set<SceneNode>();
    for (const edge of node.out) found.add(edge.target);
    for (const edge of node.in) found.add(edge.source);
    found.delete(node);
    return found;
  }

  /** Boxes that stay keep their identity: their facts change with every report, their places seldom. */
  #setGroups(views: readonly ViewGroup[], effect: Effect): void {
    const before = this.#groupById;
    this.#groupById = new Map();
    this.groups = views.map((view) => {
      const parent = view.parent === null ? null : (this.#groupById.get(view.parent) ?? null);
      const { id, label, facts, field, x, y, width, height, count } = view;
      const depth = parent ? parent.depth + 1 : 1;
      const old = before.get(id);
      const stays = old && old.parent === parent && old.x === x && old.y === y && old.width === width && old.height === height;
      if (!stays) effect.boxes = true;
      if (old && (old.label !== label || old.facts !== facts || old.count !== count)) effect.heads.push(old);
      const group = old ?? { id, label, facts, field, parent, depth, x, y, width, height, count, level: Number.NaN, sum: 0, read: 0 };
      Object.assign(group, { label, facts, field, parent, depth, x, y, width, height, count });
      this.#groupById.set(id, group);
      return group;
    });
    if (this.#groupById.size !== before.size) effect.boxes = true;
    if (!effect.boxes) return;
    this.structure++;
    for (const node of this.nodes.values()) this.#stand(node, node.group ? (this.#groupById.get(node.group.id) ?? null) : null);
  }

  #stand(node: SceneNode, group: SceneGroup | null): void {
    node.group = group;
    node.depth = group?.depth ?? 0;
    if (group) this.loose.delete(node);
    else this.loose.add(node);
  }

  #putNode(view: ViewNode, effect: Effect): void {
    let node = this.nodes.get(view.id);
    const isNew = node === undefined;
    if (!node) {
      node = blankNode(view);
      this.nodes.set(view.id, node);
    }
    const group = view.group === null ? null : (this.#groupById.get(view.group) ?? null);
    const minor = isInHost(group) ? minorInHost(view) : view.label_minor;
    const stale = view.stale_since_ms !== null;
    const differs =
      isNew ||
      node.label !== view.label ||
      node.minor !== minor ||
      node.shape !== shapeName(view.shape) ||
      node.stackOf !== view.stack ||
      node.stale !== stale ||
      node.kindTag !== view.kind ||
      node.group !== group;
    if (differs) {
      node.label = view.label;
      node.minor = minor;
      node.shape = shapeName(view.shape);
      node.stackOf = view.stack;
      node.pseudo = view.pseudo;
      node.kindTag = view.kind;
      node.kind = kindClass(view.kind, view.pseudo);
      node.rank = view.rank;
      node.glyph = null;
      this.#stand(node, group);
      node.stale = stale;
      measure(node);
      this.uncurve(node);
    }
    node.staleSince = view.stale_since_ms ?? 0;
    node.count = view.count;
    const levelBefore = node.level;
    const valueBefore = node.value;
    this.#setLevel(node, view);
    const moved = !isNew && (node.targetX !== view.x || node.targetY !== view.y);
    node.targetX = view.x;
    node.targetY = view.y;
    if (isNew) {
      node.x = view.x;
      node.y = view.y;
      node.shownLevel = node.level;
      this.grid.add(node);
      effect.added.push(node);
      this.structure++;
    } else if (moved) {
      effect.moved.push(node);
      this.structure++;
    }
    if (!isNew && differs) effect.looks.push(node);
    else if (!isNew && (!Object.is(levelBefore, node.level) || valueBefore !== node.value)) effect.bodies.push(node);
  }

  #dropNode(node: SceneNode, effect: Effect): void {
    this.nodes.delete(node.id);
    this.grid.remove(node);
    this.loose.delete(node);
    this.#unspread.delete(node);
    for (const edge of [...node.out, ...node.in]) this.#dropEdge(edge, effect);
    effect.removed.push(node);
    this.structure++;
  }

  #putEdge(view: ViewEdge, effect: Effect): void {
    const rate = rateOf(view);
    const weight = weightOf(rate, view.connections);
    const known = this.edges.get(view.id);
    if (known) {
      if (known.weight !== weight) effect.edges.push(known);
      known.connections = view.connections;
      known.rate = rate;
      known.weight = weight;
      return;
    }
    const source = this.nodes.get(view.source);
    const target = this.nodes.get(view.target);
    // An edge whose end is not in the picture cannot be drawn.
    if (!source || !target) return;
    const edge: SceneEdge = {
      id: view.id, source, target, connections: view.connections, rate, weight, mark: null, curve: null,
      startOffset: 0, endOffset: 0, dim: 0, dimFrom: 0, dimTo: 0, high: false,
    };
    this.edges.set(edge.id, edge);
    source.out.push(edge);
    target.in.push(edge);
    this.#unspread.add(source).add(target);
    effect.edges.push(edge);
    this.structure++;
  }

  #dropEdge(edge: SceneEdge, effect: Effect): void {
    if (!this.edges.delete(edge.id)) return;
    removeFrom(edge.source.out, edge);
    removeFrom(edge.target.in, edge);
    if (this.nodes.has(edge.source.id)) this.#unspread.add(edge.source);
    if (this.nodes.has(edge.target.id)) this.#unspread.add(edge.target);
    effect.edges.push(edge);
    this.structure++;
  }

  #setLevel(node: SceneNode, view: ViewNode): void {
    const reading = this.fill.read(view);
    node.level = reading.level;
    node.value = reading.text;
  }

  #settle(effect: Effect): void {
    for (const node of [...effect.moved, ...effect.looks]) {
      this.#unspread.add(node);
      for (const edge of node.out) this.#unspread.add(edge.target);
      for (const edge of node.in) this.#unspread.add(edge.source);
    }
    if (effect.added.length + effect.removed.length + effect.moved.length > 0 || effect.boxes) this.bounds = boundsOf(this.nodes.values(), this.groups);
    this.#groupLevels(effect);
  }

  #groupLevels(effect: Effect | null): void {
    if (this.groups.length === 0) return;
    for (const group of this.groups) {
      group.sum = 0;
      group.read = 0;
    }
    for (const node of this.nodes.values()) {
      if (Number.isNaN(node.level) || !node.group) continue;
      node.group.sum += node.level;
      node.group.read++;
    }
    // Parents stand before their children, so going back adds every box to the one around it.
    for (const group of [...this.groups].reverse()) {
      if (group.parent) {
        group.parent.sum += group.sum;
        group.parent.read += group.read;
      }
      const before = group.level;
      group.level = group.read > 0 ? group.sum / group.read : Number.NaN;
      if (effect && !Object.is(before, group.level)) effect.levels.push([group, before]);
    }
  }
}

/** True inside of a box that names the host. */
function isInHost(group: SceneGroup | null): boolean {
  for (let at = group; at; at = at.parent) if (at.field === 'host') return true;
  return false;
}

function removeFrom<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
