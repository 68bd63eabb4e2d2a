/** Long ways around what stands between: an edge that would run behind a node bows out beside it. */

import type { Rect } from './camera';
import { type Anchor, type Curve, pointAt } from './curves';

/** Ways lower than this pass no other row, and longer ones are too far for a bow to help; layout units. */
const LEAST_RISE = 100;
const MOST_RISE = 1_200;
/** Bows tried, smallest first: half a column is the lane between two. Layout units. */
const BOWS = [28, -28, 56, -56, 84, -84, 112, -112, 168, -168];
/** Points of a curve that are looked at. */
const STEPS = 24;
/** With more nodes around than this, one crossing more is not what is wrong with the picture. */
const MOST_NODES = 60;
/** Space kept beside a body, and half the width that labels take, in layout units. */
const BESIDE = 5;
const LABEL_HALF = 34;
/** What it costs to run behind a body, beneath a label, and to bow out by a unit: a small bow for a label, any for a body. */
const BODY = 100;
const LABEL = 12;
const BOWED = 0.25;

/** The curve itself, or the nearest one that leaves the nodes between its ends alone. */
export function aroundNodes<T extends Anchor>(curve: Curve, source: T, target: T, near: (area: Rect) => readonly T[]): Curve {
  const [x0, y0, , , , , x1, y1] = curve;
  const rise = Math.abs(y1 - y0);
  if (rise < LEAST_RISE || rise > MOST_RISE) return curve;
  const reach = Math.max(...BOWS) + LABEL_HALF;
  const left = Math.min(x0, x1) - reach;
  const area = { x: left, y: Math.min(y0, y1), width: Math.max(x0, x1) + reach - left, height: rise };
  const isInside = ({ x, y }: T): boolean => x > area.x && x < area.x + area.width && y > area.y && y < area.y + area.height;
  const between = near(area).filter((node) => node !== source && node !== target && isInside(node));
  if (between.length === 0 || between.length > MOST_NODES) return curve;
  let best = curve;
  let least = cost(curve, between);
  for (const bow of BOWS) {
    const price = Math.abs(bow) * BOWED;
    if (price >= least) break;
    const bowed = bowedBy(curve, bow);
    const sum = cost(bowed, between) + price;
    if (sum < least) {
      least = sum;
      best = bowed;
    }
  }
  return best;
}

/** The curve whose middle is this far to the right. */
function bowedBy([x0, y0, ax, ay, bx, by, x1, y1]: Curve, bow: number): Curve {
  const shift = (bow * 4) / 3;
  return [x0, y0, ax + shift, ay, bx + shift, by, x1, y1];
}

/** What it takes in all to run across these nodes. */
function cost(curve: Curve, nodes: readonly Anchor[]): number {
  const hit = new Map<Anchor, number>();
  for (let step = 1; step < STEPS; step += 1) {
    const [x, y] = pointAt(curve, step / STEPS);
    for (const node of nodes) {
      const dx = Math.abs(x - node.x);
      const dy = y - node.y;
      if (dx > LABEL_HALF || dy < -node.top - BESIDE || dy > node.foot) continue;
      const isBody = dx <= node.halfWidth + BESIDE && dy <= node.halfWidth + BESIDE;
      const price = isBody ? BODY : dy > node.halfWidth ? LABEL : 0;
      hit.set(node, Math.max(hit.get(node) ?? 0, price));
    }
  }
  let sum = 0;
  for (const price of hit.values()) sum += price;
  return sum;
}
