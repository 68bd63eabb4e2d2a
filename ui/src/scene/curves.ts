/** The course of an edge between two nodes, by design-language §6. */

/** What of a node matters to its edges, in layout units. */
export interface Anchor {
  readonly x: number;
  readonly y: number;
  readonly halfWidth: number;
  readonly top: number;
  /** Lowest part of its labels, below the centre. */
  readonly foot: number;
  /** How far the copies of a stack reach out at the upper right. */
  readonly stack: number;
}

/** Where an edge leaves or arrives. */
export type Side = 'top' | 'foot' | 'left' | 'right';

/** Sides at both ends. */
export interface Route {
  readonly from: Side;
  readonly to: Side;
}

/** A cubic Bézier: start, two controls, end. */
export type Curve = readonly [number, number, number, number, number, number, number, number];

/** Greatest offset of ends that share a side, at the start and at the arrow, and the step between them. */
export const START_SPREAD = { most: 18, step: 13 } as const;
export const ARROW_SPREAD = { most: 7, step: 4.5 } as const;

/** Rows closer than this stand beside each other. */
const SAME_ROW = 46;
/** Farther below than this is not the next row. */
const FAR_ROW = 150;
const BOW = 0.11;
const MOST_BOW = 34;
/** Space between an arrow's tip and the outline, above and beside a node. */
const GAP_TOP = 4;
const GAP_SIDE = 6;

/** Which sides an edge takes, by where its ends stand to each other. */
export function routeOf(source: Anchor, target: Anchor): Route {
  const dx = target.x - source.x;
  const dy = target.y - source.y;
  const right = dx >= 0;
  const ahead: Side = right ? 'right' : 'left';
  const behind: Side = right ? 'left' : 'right';
  if (Math.abs(dy) < SAME_ROW) return { from: ahead, to: behind };
  if (dy > 0) {
    if (Math.abs(dx) > 2.6 * dy) return { from: 'foot', to: behind };
    if (dy > FAR_ROW && Math.abs(dx) > 0.5 * dy) return { from: ahead, to: 'top' };
    return { from: 'foot', to: 'top' };
  }
  if (Math.abs(dx) > 0.8 * -dy || -dy > FAR_ROW) {
    // Straight above, the edge still leaves at a side so that it does not run through what stands between.
    return Math.abs(dx) < source.halfWidth && -dy <= FAR_ROW ? { from: 'top', to: 'foot' } : { from: ahead, to: 'foot' };
  }
  return { from: 'top', to: 'foot' };
}

/** Offsets for `count` ends on one side, the middle at zero. */
export function spread(count: number, limits: { readonly most: number; readonly step: number }): number[] {
  const step = count > 1 ? Math.min(limits.step, (2 * limits.most) / (count - 1)) : 0;
  return Array.from({ length: count }, (_, i) => (i - (count - 1) / 2) * step);
}

/** A node that talks to itself: a small loop at its right. */
function loop(node: Anchor): Curve {
  const x = node.x + node.halfWidth + GAP_SIDE;
  return [x - GAP_SIDE, node.y - 9, x + 22, node.y - 22, x + 22, node.y + 22, x - 1, node.y + 7];
}

/**
 * The curve of an edge. `startOffset` and `endOffset` come from {@link spread}; `gutter` is the middle of the
 * free lane between boxes that a long way up or down should take, if there is one.
 */
export function curveOf(source: Anchor, target: Anchor, route: Route, startOffset: number, endOffset: number, gutter: number | null = null): Curve {
  if (source === target) return loop(source);
  const [x0, y0] = leave(source, route.from, startOffset);
  const [x1, y1] = arrive(target, route.to, endOffset);
  const dx = x1 - x0;
  const dy = y1 - y0;
  const beside = isSide(route.from) && isSide(route.to);
  if (beside) {
    // A cubic whose controls are two thirds of the bow out is the quadratic that bows so far.
    const bow = (Math.min(MOST_BOW, Math.hypot(dx, dy) * BOW) * 2) / 3;
    return [x0, y0, x0 + dx * 0.3, y0 + dy * 0.3 - bow, x0 + dx * 0.7, y0 + dy * 0.7 - bow, x1, y1];
  }
  if (isSide(route.from)) {
    const rise = Math.abs(dy);
    if (gutter !== null) {
      // Both controls at this x bring the middle of the curve into the lane.
      const lane = (8 * gutter - x0 - x1) / 6;
      return [x0, y0, lane, y0 + dy * 0.06, lane, y1 - dy * 0.4, x1, y1];
    }
    if (route.to === 'top') return [x0, y0, x0 + dx * 0.38, y0 + dy * 0.16, x1 - dx * 0.26, y1 - dy * 0.42, x1, y1];
    const reach = Math.max(24, Math.min(Math.abs(dx) * 0.75, rise * 0.9)) * (route.from === 'right' ? 1 : -1);
    return [x0, y0, x0 + reach, y0 + dy * 0.08, x1, y1 + rise * 0.5, x1, y1];
  }
  const down = route.from === 'foot' ? 1 : -1;
  const pull = Math.max(10, Math.min(Math.abs(dy) * 0.62, 90));
  if (isSide(route.to)) {
    // The long way runs between the rows and comes down to the node at the end of it.
    const reach = Math.min(Math.abs(dx) * 0.3, 110) * (route.to === 'left' ? -1 : 1);
    return [x0, y0, x0 + (dx < 0 ? -8 : 8), y0 + down * Math.min(30, pull), x1 + reach, y0 + dy * 0.12, x1, y1];
  }
  return [x0, y0, x0, y0 + down * pull, x1, y1 - down * pull, x1, y1];
}

function isSide(side: Side): boolean {
  return side === 'left' || side === 'right';
}

function leave(node: Anchor, side: Side, offset: number): [number, number] {
  switch (side) {
    case 'foot':
      return [node.x + offset, node.y + node.foot];
    case 'top':
      return [node.x + offset, node.y - node.top - 2];
    case 'left':
      return [node.x - node.halfWidth - 3, node.y - 2 + offset * 0.5];
    default:
      return [node.x + node.halfWidth + node.stack + 2, node.y - 2 - node.stack * 0.5 + offset * 0.5];
  }
}

function arrive(node: Anchor, side: Side, offset: number): [number, number] {
  switch (side) {
    case 'foot':
      return [node.x + offset, node.y + node.foot + 1];
    case 'top':
      return [node.x + offset, node.y - node.top - GAP_TOP - node.stack * 0.5];
    case 'left':
      return [node.x - node.halfWidth - GAP_SIDE, node.y - 3 + offset];
    default:
      return [node.x + node.halfWidth + GAP_SIDE + node.stack, node.y - 3 + offset];
  }
}

/** Direction in which the curve arrives, as a unit vector. */
export function arrival(curve: Curve): [number, number] {
  const [, , c1x, c1y, c2x, c2y, x, y] = curve;
  let dx = x - c2x;
  let dy = y - c2y;
  if (Math.abs(dx) + Math.abs(dy) < 1e-3) {
    dx = x - c1x;
    dy = y - c1y;
  }
  const length = Math.hypot(dx, dy) || 1;
  return [dx / length, dy / length];
}

/** The point at `t` of the curve. */
export function pointAt(curve: Curve, t: number): [number, number] {
  const s = 1 - t;
  const a = s * s * s;
  const b = 3 * s * s * t;
  const c = 3 * s * t * t;
  const d = t * t * t;
  return [
    a * curve[0] + b * curve[2] + c * curve[4] + d * curve[6],
    a * curve[1] + b * curve[3] + c * curve[5] + d * curve[7],
  ];
}
