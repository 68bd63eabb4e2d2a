import type { ViewNode } from '../generated/ViewNode';

/** Two nodes nearer than this run into each other's shapes and labels, in layout units. */
const NEAR_X = 60;
const NEAR_Y = 72;
/** Distance of a row that is added below, in layout units. */
const ROW = 104;
/** Most nodes that are moved; of more, a picture would say nothing anyway. */
const MOST_MOVED = 200;

/** Columns and rows of a box's nodes. */
interface Lines {
  xs: Set<number>;
  ys: Set<number>;
}

/**
 * Places for nodes that are gone: where they were, unless something else stands there by now; then the nearest place
 * of their box that is free, in line with its other nodes.
 */
export function gonePlaces(gone: readonly ViewNode[], present: ReadonlyMap<string, ViewNode>): ViewNode[] {
  const taken = new Taken();
  const lines = new Map<string | null, Lines>();
  const line = (node: ViewNode): void => {
    const known = lines.get(node.group) ?? { xs: new Set<number>(), ys: new Set<number>() };
    known.xs.add(node.x);
    known.ys.add(node.y);
    lines.set(node.group, known);
  };
  for (const node of present.values()) {
    taken.add(node);
    line(node);
  }
  for (const node of gone) line(node);
  let moved = 0;
  return gone.map((node) => {
    let place = node;
    if (moved < MOST_MOVED && taken.isNear(node.x, node.y)) {
      place = freePlace(node, taken, lines.get(node.group));
      moved += 1;
    }
    taken.add(place);
    return place;
  });
}

function freePlace(node: ViewNode, taken: Taken, lines: Lines | undefined): ViewNode {
  const xs = [...(lines?.xs ?? [])];
  const ys = [...(lines?.ys ?? [])];
  const lowest = ys.reduce((most, y) => Math.max(most, y), node.y);
  let best: { x: number; y: number; far: number } | null = null;
  // Below all rows there is room for one of each column, and below that again.
  for (const y of [...ys, lowest + ROW, lowest + 2 * ROW]) {
    for (const x of xs) {
      const far = Math.hypot(x - node.x, y - node.y) + (y > lowest ? ROW * 10 : 0);
      if ((best === null || far < best.far) && !taken.isNear(x, y)) best = { x, y, far };
    }
  }
  return best ? { ...node, x: best.x, y: best.y } : node;
}

/** What stands where, found by its surroundings. */
class Taken {
  #cells = new Map<string, { x: number; y: number }[]>();

  add({ x, y }: { x: number; y: number }): void {
    const key = `${Math.floor(x / NEAR_X)} ${Math.floor(y / NEAR_Y)}`;
    const cell = this.#cells.get(key);
    if (cell) cell.push({ x, y });
    else this.#cells.set(key, [{ x, y }]);
  }

  isNear(x: number, y: number): boolean {
    const column = Math.floor(x / NEAR_X);
    const row = Math.floor(y / NEAR_Y);
    for (let dx = -1; dx <= 1; dx += 1) {
      for (let dy = -1; dy <= 1; dy += 1) {
        const cell = this.#cells.get(`${column + dx} ${row + dy}`);
        if (cell?.some((one) => Math.abs(one.x - x) < NEAR_X && Math.abs(one.y - y) < NEAR_Y)) return true;
      }
    }
    return false;
  }
}
