/** Pictures of nodes: plate, copies of a stack, body, fill with its line, outline, glyph. */

import { Atlas, type Drawing, type Sprite } from './atlas';
import { type GlyphName, GLYPHS } from './glyphs';
import { type ShapeName, SHAPES, STACK_STEP } from './shapes';
import { isGone } from './nodes';
import { type KindClass, type MarkKind, surfaceOf, type Theme } from './theme';

/** Everything that tells one picture of a node from another. */
export interface Look {
  readonly shape: ShapeName;
  readonly kind: KindClass;
  readonly stack: boolean;
  /** None where a value stands instead, or far out. */
  readonly glyph: GlyphName | null;
  /** Share in 0…1; NaN draws no fill. */
  readonly level: number;
  readonly stale: boolean;
  readonly mark: MarkKind | null;
  /** The pointer is on it. */
  readonly hover: boolean;
  /** It is grey because something else is compared. */
  readonly unchanged: boolean;
  /** Surface that the plate takes its colour from; -1 draws no plate. */
  readonly depth: number;
}

const OUTLINE = 1.5;
const OUTLINE_STRONG = 2;
const COPY_OUTLINE = 1.1;
const LEVEL_LINE = 1.2;
const GLYPH_STROKE = 1.3;
const PLATE = 3;
const HATCH = 4;
/** Lowest fill: 6 % stay so that zero is told from nothing. */
const LEVEL_FLOOR = 0.06;

/** Paths by their data: parsing happens once. */
const paths = new Map<string, Path2D>();

export function path(data: string): Path2D {
  let made = paths.get(data);
  if (!made) {
    made = new Path2D(data);
    paths.set(data, made);
  }
  return made;
}

export class NodeSprites {
  readonly #atlas = new Atlas();
  #theme: Theme;
  #metricColour = '';

  constructor(theme: Theme) {
    this.#theme = theme;
  }

  reset(theme: Theme, metricColour: string): void {
    if (theme === this.#theme && metricColour === this.#metricColour) return;
    this.#theme = theme;
    this.#metricColour = metricColour;
    this.#atlas.clear();
  }

  /** To be called between paints, never within one. */
  tidy(): void {
    if (this.#atlas.isFull) this.#atlas.clear();
  }

  /** A node's picture; `k` is device px per CSS px at 100 %, `dpr` keeps lines from getting too thin. */
  node(look: Look, k: number, dpr: number): Sprite {
    const shape = SHAPES[look.shape];
    const size = Math.round(34 * k);
    const rows = Number.isNaN(look.level) ? -1 : Math.round(filled(look.level) * (shape.top + shape.bottom) * k);
    const flags = (look.stack ? 1 : 0) + (look.stale ? 2 : 0) + (look.hover ? 4 : 0) + (look.unchanged ? 8 : 0);
    const key = `${look.shape} ${look.kind} ${look.glyph ?? ''} ${flags} ${look.mark ?? ''} ${look.depth} ${rows} ${size}`;
    return this.#atlas.get(key, () => this.#drawing(look, k, dpr, rows));
  }

  /** The plate alone, for nodes whose body is not at full strength. */
  plate(shape: ShapeName, stack: boolean, depth: number, k: number): Sprite {
    return this.#atlas.get(`plate ${shape} ${stack ? 1 : 0} ${depth} ${Math.round(34 * k)}`, () =>
      this.#box(shape, stack, k, (ctx) => this.#plate(ctx, shape, stack, depth)),
    );
  }

  /** A small solid mark for far out. */
  dot(shape: ShapeName, kind: KindClass, px: number): Sprite {
    return this.#atlas.get(`dot ${shape} ${kind} ${px}`, () => {
      const k = px / 36;
      return this.#box(shape, false, k, (ctx) => {
        ctx.fillStyle = this.#theme.kind[kind];
        ctx.fill(path(SHAPES[shape].path));
      });
    });
  }

  /** The accent ring around a shape: `offset` from the outline, dashed for the keyboard's. */
  ring(shape: ShapeName, stack: boolean, depth: number, offset: number, dashed: boolean, k: number): Sprite {
    return this.#atlas.get(`ring ${shape} ${stack ? 1 : 0} ${depth} ${offset} ${dashed ? 1 : 0} ${Math.round(34 * k)}`, () =>
      this.#box(shape, stack, k, (ctx) => {
        const outline = path(SHAPES[shape].path);
        ctx.lineJoin = 'round';
        const around = OUTLINE / 2 + offset;
        if (dashed) ctx.setLineDash([2, 2]);
        // Two strokes, the inner one in the surface's colour, leave a ring with an exact distance for any shape.
        ctx.strokeStyle = this.#theme.accent;
        ctx.lineWidth = 2 * (around + 0.5);
        ctx.stroke(outline);
        ctx.setLineDash([]);
        ctx.strokeStyle = surfaceOf(this.#theme, depth);
        ctx.lineWidth = 2 * (around - 1.5);
        ctx.stroke(outline);
      }),
    );
  }

  #drawing(look: Look, k: number, dpr: number, rows: number): Drawing {
    return this.#box(look.shape, look.stack, k, (ctx) => {
      const theme = this.#theme;
      const shape = SHAPES[look.shape];
      const outline = path(shape.path);
      // Lines keep 1 px at least, in units of the scaled context.
      const thin = (width: number): number => Math.max(width, (0.9 * dpr) / k);
      const colour = look.mark ? theme.mark[look.mark] : look.unchanged ? theme.t3 : theme.kind[look.kind];
      if (look.depth >= 0) this.#plate(ctx, look.shape, look.stack, look.depth);
      ctx.lineJoin = 'round';
      if (look.stack) {
        for (const step of [2, 1]) {
          ctx.save();
          ctx.translate(step * STACK_STEP, -step * STACK_STEP);
          ctx.fillStyle = theme.node;
          ctx.fill(outline);
          ctx.globalAlpha *= 0.8;
          ctx.strokeStyle = colour;
          ctx.lineWidth = thin(COPY_OUTLINE);
          ctx.stroke(outline);
          ctx.restore();
        }
      }
      ctx.fillStyle = theme.node;
      ctx.fill(outline);
      if (rows >= 0) this.#fill(ctx, look, outline, rows, k, dpr);
      ctx.strokeStyle = colour;
      ctx.lineWidth = thin(look.hover || look.mark ? OUTLINE_STRONG : OUTLINE);
      if (isGone(look.mark)) ctx.setLineDash([4, 3]);
      else if (shape.dotted) ctx.setLineDash([1.6, 2.6]);
      ctx.stroke(outline);
      if (shape.detail !== '') ctx.stroke(path(shape.detail));
      ctx.setLineDash([]);
      if (look.glyph) this.#glyph(ctx, look.glyph, shape.centreY, thin(GLYPH_STROKE), isGone(look.mark));
    });
  }

  #plate(ctx: CanvasRenderingContext2D, shape: ShapeName, stack: boolean, depth: number): void {
    const outline = path(SHAPES[shape].path);
    ctx.fillStyle = surfaceOf(this.#theme, depth);
    ctx.strokeStyle = ctx.fillStyle;
    ctx.lineJoin = 'round';
    ctx.lineWidth = 2 * PLATE + OUTLINE;
    for (const step of stack ? [2, 1, 0] : [0]) {
      ctx.save();
      ctx.translate(step * STACK_STEP, -step * STACK_STEP);
      ctx.stroke(outline);
      ctx.fill(outline);
      ctx.restore();
    }
  }

  #fill(ctx: CanvasRenderingContext2D, look: Look, outline: Path2D, rows: number, k: number, dpr: number): void {
    const shape = SHAPES[look.shape];
    const theme = this.#theme;
    const height = rows / k;
    const top = shape.bottom - height;
    const colour = look.unchanged ? theme.t3 : this.#metricColour;
    const line = Math.max(LEVEL_LINE, dpr / k);
    ctx.save();
    ctx.clip(outline);
    ctx.globalAlpha = look.unchanged ? (theme.name === 'dark' ? 0.2 : 0.16) : theme.fillAlpha;
    ctx.fillStyle = colour;
    const x = -shape.halfWidth - 1;
    const width = 2 * shape.halfWidth + 2;
    if (look.stale) this.#hatch(ctx, x, top, width, height, colour);
    else ctx.fillRect(x, top, width, height + 1);
    ctx.globalAlpha = 1;
    ctx.fillRect(x, top, width, line);
    ctx.restore();
  }

  /** Lines at 45° instead of a tint: what is stale is not read as a level of now. */
  #hatch(ctx: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, colour: string): void {
    ctx.save();
    ctx.beginPath();
    ctx.rect(x, y, width, height + 1);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1;
    ctx.globalAlpha = Math.min(1, this.#theme.fillAlpha * 1.6);
    ctx.beginPath();
    for (let at = x - height; at < x + width; at += HATCH) {
      ctx.moveTo(at, y + height + 1);
      ctx.lineTo(at + height + 1, y);
    }
    ctx.stroke();
    ctx.restore();
  }

  #glyph(ctx: CanvasRenderingContext2D, glyph: GlyphName, centreY: number, width: number, faint: boolean): void {
    ctx.translate(-8, centreY - 8);
    ctx.globalAlpha *= faint ? 0.5 : 0.92;
    ctx.strokeStyle = this.#theme.glyph;
    ctx.lineWidth = width;
    ctx.lineCap = 'round';
    ctx.lineJoin = 'round';
    ctx.stroke(path(GLYPHS[glyph]));
  }

  /** A drawing with room for plate, ring and stack, scaled by `k`. */
  #box(name: ShapeName, stack: boolean, k: number, draw: (ctx: CanvasRenderingContext2D) => void): Drawing {
    const shape = SHAPES[name];
    const reach = 8;
    const extra = stack ? 2 * STACK_STEP : 0;
    const originX = Math.ceil((shape.halfWidth + reach) * k);
    const originY = Math.ceil((shape.top + reach + extra) * k);
    return {
      width: originX + Math.ceil((shape.halfWidth + reach + extra) * k),
      height: originY + Math.ceil((shape.bottom + reach) * k),
      originX,
      originY,
      draw: (ctx) => {
        ctx.scale(k, k);
        draw(ctx);
      },
    };
  }
}

/** Share of the shape that a level fills. */
export function filled(level: number): number {
  return LEVEL_FLOOR + (1 - LEVEL_FLOOR) * level;
}

/** Pixel rows of a level, by which two levels look the same. */
export function levelRows(name: ShapeName, level: number, k: number): number {
  if (Number.isNaN(level)) return -1;
  const shape = SHAPES[name];
  return Math.round(filled(level) * (shape.top + shape.bottom) * k);
}
