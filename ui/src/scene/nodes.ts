/** What the scene knows of a node, an edge and a box: made from the view, ready to be drawn. */

import type { ViewNode } from '../generated/ViewNode';
import type { Camera, Rect } from './camera';
import type { Anchor, Curve } from './curves';
import { type GlyphName, guessGlyph } from './glyphs';
import { type Shape, type ShapeName, SHAPES, STACK_STEP } from './shapes';
import type { KindClass, MarkKind } from './theme';

/** Difference to another moment, or what is wrong, with the words under the name. */
export interface NodeMark {
  readonly kind: MarkKind;
  /** Shown in place of the second label, such as `new at 14:06:02`; may be empty. */
  readonly text: string;
}

export interface SceneNode extends Anchor {
  readonly id: string;
  label: string;
  minor: string;
  shape: ShapeName;
  kind: KindClass;
  /** The tag itself, for words. */
  kindTag: string;
  stackOf: boolean;
  pseudo: boolean;
  /** Second guess source of the glyph, beside the labels. */
  rank: string;
  /** Guessed when it is first drawn. */
  glyph: GlyphName | null;
  group: SceneGroup | null;
  /** Nesting of the box it stands in; 0 is the open map. */
  depth: number;
  /** Where it is drawn; differs from the target while it moves. */
  x: number;
  y: number;
  targetX: number;
  targetY: number;
  fromX: number;
  fromY: number;
  halfWidth: number;
  top: number;
  bottom: number;
  foot: number;
  stack: number;
  /** Share of the chosen metric in 0…1; NaN when it has none. */
  level: number;
  /** The share that is drawn, on its way to {@link level}. */
  shownLevel: number;
  levelFrom: number;
  levelStart: number;
  /** The chosen metric's value for the middle. */
  value: string;
  stale: boolean;
  /** When it was last seen, for stale ones; milliseconds since the epoch. */
  staleSince: number;
  mark: NodeMark | null;
  /** When it appeared or left, in scene time; 0 when it was always there. */
  bornAt: number;
  goneAt: number;
  /** It left because something failed, not because it was done. */
  failed: boolean;
  readonly out: SceneEdge[];
  readonly in: SceneEdge[];
  count: number;
  /** How far it is dimmed, in 0…1, and on its way from where to where. */
  dim: number;
  dimFrom: number;
  dimTo: number;
  /** Free width for its label in layout units; NaN until it is needed. */
  room: number;
  /** The label plan in which it is named. */
  namedIn: number;
  /** Width that the plan gives its name, in CSS px. */
  nameWidth: number;
}

export interface SceneEdge {
  readonly id: string;
  readonly source: SceneNode;
  readonly target: SceneNode;
  connections: number;
  /** Bytes per second over all its connections; NaN when not known. */
  rate: number;
  /** 0, 1, 2: how strong it is drawn. */
  weight: 0 | 1 | 2;
  mark: MarkKind | null;
  /** Known while its ends hold still. */
  curve: Curve | null;
  startOffset: number;
  endOffset: number;
  dim: number;
  dimFrom: number;
  dimTo: number;
  /** It belongs to what is selected or under the pointer. */
  high: boolean;
}

export interface SceneGroup extends Rect {
  readonly id: string;
  label: string;
  facts: string;
  field: string;
  parent: SceneGroup | null;
  depth: number;
  x: number;
  y: number;
  width: number;
  height: number;
  count: number;
  /** Mean share of the chosen metric over its nodes; NaN when none has it. */
  level: number;
  /** Sum and count behind the mean. */
  sum: number;
  read: number;
}

/** Labels begin this far below the centre at least, so that those of a row stand on about one line. */
const LEAST_DROP = 19;
/** Height of the labels from the shape's lower edge: first baseline 14, second 14 further, descenders. */
const FIRST_BASELINE = 14;
const SECOND_BASELINE = 14;
const DESCENT = 5;

export function glyphOf(node: SceneNode): GlyphName {
  node.glyph ??= guessGlyph([node.label, node.rank, node.minor], node.kindTag, node.pseudo);
  return node.glyph;
}

/** Who comes first where not all can: many connections, stacks and what is outside. */
export function importanceOf(node: SceneNode): number {
  return node.out.length + node.in.length * 1.5 + Math.min(node.count - 1, 6) + (node.pseudo ? 4 : 0);
}

/** The more important first, always in the same order. */
export function byImportance(a: SceneNode, b: SceneNode): number {
  return importanceOf(b) - importanceOf(a) || (a.id < b.id ? -1 : 1);
}

export function shapeOf(node: SceneNode): Shape {
  return SHAPES[node.shape];
}

/** Sets what edges and culling need from shape and labels. */
export function measure(node: SceneNode): void {
  const shape = SHAPES[node.shape];
  node.halfWidth = shape.halfWidth;
  node.top = shape.top;
  node.bottom = Math.max(shape.bottom, LEAST_DROP);
  node.stack = node.stackOf ? 2 * STACK_STEP : 0;
  node.foot = node.bottom + FIRST_BASELINE + (node.minor === '' && node.mark === null ? 0 : SECOND_BASELINE) + DESCENT;
}

/** How a node is marked. A ghost of what failed is marked as gone; what simply ended is only faint. */
export function markOf(node: SceneNode): MarkKind | null {
  if (node.goneAt > 0) return node.failed ? 'gone' : 'ended';
  return node.mark?.kind ?? null;
}

/** True for what is drawn as not there any more. */
export function isGone(mark: MarkKind | null): boolean {
  return mark === 'gone' || mark === 'ended';
}

/** Space around a node's centre that it may paint on, in CSS px, without labels. */
export function bodyReach(zoom: number): number {
  return 34 * Math.max(zoom, 0.3) + 14;
}

/** The screen rectangle that a node and its labels may paint on. */
export function paintRect(node: SceneNode, camera: Camera, labelWidth = 90): Rect {
  const reach = bodyReach(camera.zoom);
  const sx = node.x * camera.zoom + camera.x;
  const sy = node.y * camera.zoom + camera.y;
  const half = Math.max(reach, labelWidth);
  return { x: sx - half, y: sy - reach, width: 2 * half, height: reach + node.bottom * camera.zoom + 56 };
}

/** A node of which nothing is known yet but its place. */
export function blankNode(view: Pick<ViewNode, 'id' | 'x' | 'y' | 'count'>): SceneNode {
  return {
    id: view.id, label: '', minor: '', shape: 'circle', kind: 'outside', kindTag: '', stackOf: false, pseudo: false, rank: '', glyph: null,
    group: null, depth: 0, x: view.x, y: view.y, targetX: view.x, targetY: view.y, fromX: view.x, fromY: view.y,
    halfWidth: 0, top: 0, bottom: 0, foot: 0, stack: 0,
    level: Number.NaN, shownLevel: Number.NaN, levelFrom: Number.NaN, levelStart: 0, value: '',
    stale: false, staleSince: 0, mark: null, bornAt: 0, goneAt: 0, failed: false, out: [], in: [], count: view.count,
    dim: 0, dimFrom: 0, dimTo: 0, room: Number.NaN, namedIn: 0, nameWidth: 0,
  };
}

/** Half of what a node with its label takes at least, in layout units. */
const HALF_CELL = 44;

/** Extent of nodes with their labels and of boxes; empty at the origin when there are none. */
export function boundsOf(nodes: Iterable<SceneNode>, groups: readonly SceneGroup[]): Rect {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const node of nodes) {
    left = Math.min(left, node.targetX - HALF_CELL);
    right = Math.max(right, node.targetX + HALF_CELL);
    top = Math.min(top, node.targetY - node.top - node.stack);
    bottom = Math.max(bottom, node.targetY + node.foot);
  }
  for (const group of groups) {
    left = Math.min(left, group.x);
    right = Math.max(right, group.x + group.width);
    top = Math.min(top, group.y);
    bottom = Math.max(bottom, group.y + group.height);
  }
  return left <= right ? { x: left, y: top, width: right - left, height: bottom - top } : { x: 0, y: 0, width: 0, height: 0 };
}
