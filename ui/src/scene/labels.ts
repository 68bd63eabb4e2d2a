/** Labels of nodes: what of them is shown, and who is named where not all can be. */

import type { Rect } from './camera';
import type { Fonts } from './fonts';
import { fontPx } from './lod';
import type { SceneModel } from './model';
import { byImportance, type SceneNode } from './nodes';
import { ellipsize } from './text';

/** Ellipsis at this many widths of the node. */
const WIDTHS_OF_NODE = 2.5;
/** Letters on whole pixels come out a little wider than their share; nothing is cut for that, in CSS px. */
const SLACK_PX = 4;
/** Space kept between labels beside each other, in CSS px. */
const GAP_PX = 8;
/** Widest label while there is room, in CSS px. */
const MOST_PX = 150;
/** Widest full label, on hover or selection, in CSS px. */
const FULL_PX = 420;

/** Widths that a label may take, in CSS px, at a zoom. */
export function labelLimit(node: SceneNode, room: number, zoom: number): number {
  const own = WIDTHS_OF_NODE * 2 * node.halfWidth * zoom + SLACK_PX;
  if (zoom >= 1) return own;
  // Letters do not shrink with the map: below 100 % a label may use what is free beside the node.
  return Math.min(MOST_PX, Math.max(own, Math.min(room * zoom - GAP_PX, 2.2 * own)));
}

/** Free width around a node: the distance to the nearest one beside it, in layout units. */
export function roomOf(node: SceneNode, model: SceneModel): number {
  if (!Number.isNaN(node.room)) return node.room;
  const reach = 180;
  let nearest = reach;
  for (const other of model.grid.query({ x: node.x - reach, y: node.y - 40, width: 2 * reach, height: 80 })) {
    if (other !== node && Math.abs(other.y - node.y) < 40) nearest = Math.min(nearest, Math.abs(other.x - node.x));
  }
  node.room = nearest;
  return nearest;
}

/** The texts of a label in CSS px, cut to their room unless all is to be shown. */
export function labelTexts(node: SceneNode, model: SceneModel, fonts: Fonts, zoom: number, full: boolean, planned = 0): [string, string] {
  const px = fontPx(zoom);
  const limit = full ? FULL_PX : planned || labelLimit(node, roomOf(node, model), zoom);
  const minor = node.mark && node.mark.text !== '' ? node.mark.text : node.minor;
  return [ellipsize(node.label, limit, fonts.widths(600, px)), minor === '' ? '' : ellipsize(minor, limit, fonts.widths(400, px))];
}

/** Width that a name may take from its neighbours where not all are named, in CSS px. */
const WHOLE_NAME_PX = 120;
/** Width in which most names can still be told apart, in CSS px. */
const LEAST_NAME_PX = 44;
/** Zooms this close share a plan, so that names do not flicker while zooming. */
const PLAN_STEPS_PER_OCTAVE = 8;

/**
 * Plans who is named when only some can be: the important first, no two over each other. The plan is made
 * in the world's own pixels, so panning never changes it.
 */
export class NamePlan {
  /** Number of the plan in force, as {@link SceneNode.namedIn}. */
  number = 0;
  #key = '';
  #order: SceneNode[] = [];
  #orderOf = -1;

  /** Makes the plan for a zoom unless it is there already. */
  update(model: SceneModel, fonts: Fonts, zoom: number): void {
    const step = Math.floor(Math.log2(zoom) * PLAN_STEPS_PER_OCTAVE);
    const key = `${step} ${model.structure}`;
    if (key === this.#key) return;
    this.#key = key;
    this.number++;
    if (this.#orderOf !== model.structure) {
      this.#orderOf = model.structure;
      this.#order = [...model.nodes.values()].sort(byImportance);
    }
    const planned = 2 ** (step / PLAN_STEPS_PER_OCTAVE);
    const px = fontPx(planned);
    const { bounds } = model;
    const margin = WHOLE_NAME_PX;
    const occupancy = new Occupancy({
      x: bounds.x * planned - margin,
      y: bounds.y * planned - margin,
      width: bounds.width * planned + 2 * margin,
      height: bounds.height * planned + 2 * margin,
    });
    for (const node of this.#order) {
      const whole = fonts.width(node.label, 600, px);
      const top = (node.targetY + node.bottom) * planned;
      const beside = labelLimit(node, roomOf(node, model), planned);
      // Where a neighbour's name leaves too little for a word, whole names come first, at its cost.
      for (const limit of beside >= LEAST_NAME_PX ? [beside] : [WHOLE_NAME_PX, beside]) {
        const width = Math.min(limit, whole) + 4;
        if (!occupancy.claim(node.targetX * planned - width / 2, top, width, px + 4)) continue;
        node.namedIn = this.number;
        node.nameWidth = Math.min(limit, whole + 1);
        break;
      }
    }
  }
}

/** Cells in px; wider where the whole would have more than the most. */
const CELL_W = 4;
const CELL_H = 6;
const MOST_CELLS = 4_000_000;

/** Which parts of a plane are taken. What lies outside of it is never free. */
export class Occupancy {
  readonly #x: number;
  readonly #y: number;
  readonly #cellW: number;
  readonly #cellH: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #taken: Uint8Array;

  constructor(area: Rect) {
    const scale = Math.max(1, Math.sqrt((area.width * area.height) / (CELL_W * CELL_H * MOST_CELLS)));
    this.#x = area.x;
    this.#y = area.y;
    this.#cellW = CELL_W * scale;
    this.#cellH = CELL_H * scale;
    this.#columns = Math.ceil(area.width / this.#cellW) + 1;
    this.#rows = Math.ceil(area.height / this.#cellH) + 1;
    this.#taken = new Uint8Array(this.#columns * this.#rows);
  }

  /** Takes a rectangle when all of it is free. */
  claim(x: number, y: number, width: number, height: number): boolean {
    const x0 = Math.floor((x - this.#x) / this.#cellW);
    const x1 = Math.floor((x + width - this.#x) / this.#cellW);
    const y0 = Math.floor((y - this.#y) / this.#cellH);
    const y1 = Math.floor((y + height - this.#y) / this.#cellH);
    if (x0 < 0 || y0 < 0 || x1 >= this.#columns || y1 >= this.#rows) return false;
    for (let row = y0; row <= y1; row++) {
      const start = row * this.#columns;
      for (let cell = start + x0; cell <= start + x1; cell++) if (this.#taken[cell] === 1) return false;
    }
    for (let row = y0; row <= y1; row++) this.#taken.fill(1, row * this.#columns + x0, row * this.#columns + x1 + 1);
    return true;
  }
}
