/** Walking the map with arrow keys, and finding what is under a point. */

import type { SceneModel } from './model';
import type { SceneNode } from './nodes';

export type Direction = 'up' | 'down' | 'left' | 'right';

const VECTORS: Readonly<Record<Direction, readonly [number, number]>> = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };

/** Half the opening of the cone that a direction looks into: a little more than 45°, so that no node is out of reach. */
const CONE_COS = Math.cos((55 * Math.PI) / 180);

/** The node that an arrow key goes to: a connected one in that direction before any other, the nearest first. */
export function nextNode(model: SceneModel, from: SceneNode, direction: Direction): SceneNode | null {
  return best(from, direction, model.neighbours(from)) ?? best(from, direction, model.nodes.values());
}

function best(from: SceneNode, direction: Direction, candidates: Iterable<SceneNode>): SceneNode | null {
  const [ux, uy] = VECTORS[direction];
  let found: SceneNode | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const node of candidates) {
    if (node === from) continue;
    const dx = node.x - from.x;
    const dy = node.y - from.y;
    const distance = Math.hypot(dx, dy);
    const along = (dx * ux + dy * uy) / (distance || 1);
    if (along < CONE_COS) continue;
    // Off the axis costs: straight ahead beats a nearer one at the side.
    const cost = distance * (1 + (1 - along) * 3);
    if (cost < least) {
      least = cost;
      found = node;
    }
  }
  return found;
}

/** Where walking starts: the node nearest to a point of the world. */
export function nearestNode(model: SceneModel, x: number, y: number): SceneNode | null {
  let found: SceneNode | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const node of model.nodes.values()) {
    const distance = Math.hypot(node.x - x, node.y - y);
    if (distance < least) {
      least = distance;
      found = node;
    }
  }
  return found;
}

/** Least radius around a node that the pointer hits, in CSS px. */
const LEAST_HIT_PX = 9;

/** The node whose body or label is under a point of the world, the nearest of several. */
export function nodeAt(model: SceneModel, x: number, y: number, zoom: number, labels: boolean): SceneNode | null {
  const slack = LEAST_HIT_PX / zoom;
  const reach = Math.max(80, slack);
  let found: SceneNode | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const node of model.grid.query({ x: x - reach, y: y - reach, width: 2 * reach, height: 2 * reach })) {
    const dx = x - node.x;
    const dy = y - node.y;
    const half = Math.max(node.halfWidth, slack);
    const inBody = Math.abs(dx) <= half + node.stack && dy >= -Math.max(node.top + node.stack, slack) && dy <= Math.max(node.bottom, slack);
    const inLabel = labels && dy > 0 && dy <= node.foot && Math.abs(dx) <= 40;
    if (!inBody && !inLabel) continue;
    const distance = Math.hypot(dx, dy) + (inBody ? 0 : 1000);
    if (distance < least) {
      least = distance;
      found = node;
    }
  }
  return found;
}
