/** A grid over the world that finds what is near without looking at everything. */

import type { Rect } from './camera';
import { GRID_CELL } from './limits';

/** Something with a place. */
export interface Placed {
  readonly x: number;
  readonly y: number;
}

/** Cells beyond this count are not walked one by one; all items are looked at instead. */
const MAX_WALKED_CELLS = 4096;

/** Points by cell. Things keep the cell they were put in until they are moved by {@link move}. */
export class SpatialGrid<T extends Placed> {
  readonly #cells = new Map<number, T[]>();
  readonly #cellOf = new Map<T, number>();

  get size(): number {
    return this.#cellOf.size;
  }

  clear(): void {
    this.#cells.clear();
    this.#cellOf.clear();
  }

  add(item: T): void {
    const key = cellKey(Math.floor(item.x / GRID_CELL), Math.floor(item.y / GRID_CELL));
    const cell = this.#cells.get(key);
    if (cell) cell.push(item);
    else this.#cells.set(key, [item]);
    this.#cellOf.set(item, key);
  }

  remove(item: T): void {
    const key = this.#cellOf.get(item);
    if (key === undefined) return;
    this.#cellOf.delete(item);
    const cell = this.#cells.get(key);
    if (!cell) return;
    const at = cell.indexOf(item);
    if (at >= 0) cell.splice(at, 1);
    if (cell.length === 0) this.#cells.delete(key);
  }

  move(item: T): void {
    const key = cellKey(Math.floor(item.x / GRID_CELL), Math.floor(item.y / GRID_CELL));
    if (this.#cellOf.get(item) === key) return;
    this.remove(item);
    this.add(item);
  }

  /** Items in cells that touch the rectangle: all that are inside, and some near it. */
  query(rect: Rect, found: T[] = []): T[] {
    const x0 = Math.floor(rect.x / GRID_CELL);
    const y0 = Math.floor(rect.y / GRID_CELL);
    const x1 = Math.floor((rect.x + rect.width) / GRID_CELL);
    const y1 = Math.floor((rect.y + rect.height) / GRID_CELL);
    if ((x1 - x0 + 1) * (y1 - y0 + 1) > Math.min(MAX_WALKED_CELLS, this.#cells.size)) {
      for (const item of this.#cellOf.keys()) if (isNear(item, rect)) found.push(item);
      return found;
    }
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const cell = this.#cells.get(cellKey(x, y));
        if (cell) for (const item of cell) found.push(item);
      }
    }
    return found;
  }
}

function isNear(item: Placed, rect: Rect): boolean {
  return (
    item.x >= rect.x - GRID_CELL &&
    item.x <= rect.x + rect.width + GRID_CELL &&
    item.y >= rect.y - GRID_CELL &&
    item.y <= rect.y + rect.height + GRID_CELL
  );
}

/** Cells within ±2²⁵ of the origin have keys of their own; farther ones may share, which only costs time. */
function cellKey(x: number, y: number): number {
  return (x & 0x3ffffff) * 0x4000000 + (y & 0x3ffffff);
}
