/** Where the edges of a node leave and arrive: ends that share a side stand beside each other. */

import type { Rect } from './camera';
import { ARROW_SPREAD, type Curve, curveOf, type Route, routeOf, type Side, spread, START_SPREAD } from './curves';
import { aroundNodes } from './detour';
import type { SceneEdge, SceneGroup, SceneNode } from './nodes';

/** The course of an edge, by where its ends stand and were spread to, around the nodes that are `near` its way. */
export function courseOf(edge: SceneEdge, near: (area: Rect) => readonly SceneNode[]): Curve {
  const { source, target } = edge;
  const route = routeOf(source, target);
  const gutter = gutterOf(edge, route);
  const curve = curveOf(source, target, route, edge.startOffset, edge.endOffset, gutter);
  return source === target || gutter !== null ? curve : aroundNodes(curve, source, target, near);
}

/** Spreads the ends that share a side of a node, in the order of where they lead, so that they do not cross. */
export function spreadEnds(node: SceneNode): void {
  const sides: Record<Side, [edge: SceneEdge, starts: boolean, at: number][]> = { top: [], foot: [], left: [], right: [] };
  for (const edge of node.out) {
    if (edge.source === edge.target) continue;
    const { from } = routeOf(edge.source, edge.target);
    sides[from].push([edge, true, along(from, edge.target)]);
  }
  for (const edge of node.in) {
    if (edge.source === edge.target) continue;
    const { to } = routeOf(edge.source, edge.target);
    sides[to].push([edge, false, along(to, edge.source)]);
  }
  for (const ends of Object.values(sides)) {
    ends.sort((a, b) => a[2] - b[2] || (a[0].id < b[0].id ? -1 : 1));
    const arrows = ends.every((end) => !end[1]);
    const offsets = spread(ends.length, arrows ? ARROW_SPREAD : START_SPREAD);
    for (const [i, [edge, starts]] of ends.entries()) {
      const offset = offsets[i] ?? 0;
      if (starts) edge.startOffset = offset;
      else edge.endOffset = offset;
      edge.curve = null;
    }
  }
}

/** Ways shorter than this take no gutter, and gutters farther away than this are not taken; layout units. */
const GUTTER_FROM = 220;
const GUTTER_REACH = 170;
const GUTTER_HALF = 8;

/** The lane beside the outermost box that an edge leaves, when it goes far up or down to another box. */
function gutterOf(edge: SceneEdge, route: Route): number | null {
  const { source, target } = edge;
  if (route.from !== 'left' && route.from !== 'right') return null;
  if (Math.abs(target.y - source.y) < GUTTER_FROM) return null;
  const box = outermost(source);
  if (!box || box === outermost(target)) return null;
  const lane = route.from === 'right' ? box.x + box.width + GUTTER_HALF : box.x - GUTTER_HALF;
  return Math.abs(lane - target.x) < GUTTER_REACH && Math.abs(lane - source.x) < GUTTER_REACH ? lane : null;
}

function outermost(node: SceneNode): SceneGroup | null {
  let group = node.group;
  while (group?.parent) group = group.parent;
  return group;
}

/** Position of the other end along a side. */
function along(side: Side, other: SceneNode): number {
  return side === 'top' || side === 'foot' ? other.targetX : other.targetY;
}
