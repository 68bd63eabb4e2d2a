import type { ViewNode } from '../generated/ViewNode';

/** Two nodes nearer than this run into each other's shapes and labels, in layout units. */
const NEAR_X = 60;
const NEAR_Y = 72;
/** Distance of a row that is added below, in layout units. */
const ROW = 104;
/** Most nodes that are moved; of more, a picture would say nothing anyway. */
const MOST_MOVED = 500;

/**
 * Places for nodes that are gone: where they were, unless something else stands there by now; then the nearest place
 * of their box that is free, in line with its other nodes.
 */
export function gonePlaces(gone: readonly ViewNode[], present: Iterable<ViewNode>): ViewNode[] {
  const taken = [...present];
  const columns = new Map<string | null, { xs: Set<number>; ys: Set<number> }>();
  for (const node of [...taken, ...gone]) {
    const lines = columns.get(node.group) ?? { xs: new Set<number>(), ys: new Set<number>() };
    lines.xs.add(node.x);
    lines.ys.add(node.y);
    columns.set(node.group, lines);
  }
  return gone.map((node, at) => {
    const place = at < MOST_MOVED && isTaken(taken, node.x, node.y) ? freePlace(node, taken, columns.get(node.group)) : node;
    taken.push(place);
    return place;
  });
}

function isTaken(taken: readonly ViewNode[], x: number, y: number): boolean {
  return taken.some((other) => Math.abs(other.x - x) < NEAR_X && Math.abs(other.y - y) < NEAR_Y);
}

function freePlace(node: ViewNode, taken: readonly ViewNode[], lines: { xs: Set<number>; ys: Set<number> } | undefined): ViewNode {
  const xs = [...(lines?.xs ?? [])];
  const ys = [...(lines?.ys ?? [])];
  const lowest = Math.max(...ys);
  // Below all rows there is room for one of each column, and below that again.
  const rows = [...ys, lowest + ROW, lowest + 2 * ROW];
  let best: { x: number; y: number; far: number } | null = null;
  for (const y of rows) {
    for (const x of xs) {
      const far = Math.hypot(x - node.x, y - node.y) + (y > lowest ? ROW * 10 : 0);
      if ((best === null || far < best.far) && !isTaken(taken, x, y)) best = { x, y, far };
    }
  }
  return best ? { ...node, x: best.x, y: best.y } : node;
}
