/** Edges: gathered by how they look, then stroked in short batches. */

import { byteRate } from '../format/number';
import { stamp } from './atlas';
import { arrival, type Curve, pointAt } from './curves';
import { type Frame, inPixels, inWorld, roundRect } from './frame';
import { SEGMENTS_PER_STROKE } from './limits';
import type { SceneEdge } from './nodes';
import type { MarkKind } from './theme';

const WIDTHS = [1.1, 1.4, 1.9] as const;
const HIGH_EXTRA = 0.5;
const STALE_DASH = [1.5, 3];
const GONE_DASH = [4, 4];
/** A curve is rasterised as about this many segments. */
const SEGMENTS_PER_CURVE = 4;

interface Style {
  readonly colour: string;
  readonly width: number;
  readonly alpha: number;
  readonly dash: readonly number[];
  readonly arrow: number;
  /** Painting order. */
  readonly order: number;
  readonly edges: SceneEdge[];
}

/** Paints the edges that touch the clip. */
export function paintEdges(frame: Frame, edges: readonly SceneEdge[]): void {
  const styles = new Map<string, Style>();
  for (const edge of edges) {
    const length = lengthClass(frame, edge);
    const key = `${styleKey(edge)}${length}`;
    let style = styles.get(key);
    if (!style) {
      style = styleOf(frame, edge, LENGTH_STRENGTH[frame.detail.edges === 'straight' ? 'far' : 'near'][length]);
      styles.set(key, style);
    }
    style.edges.push(edge);
  }
  inWorld(frame);
  for (const style of [...styles.values()].sort((a, b) => a.order - b.order)) paintStyle(frame, style);
  frame.ctx.globalAlpha = 1;
  frame.ctx.setLineDash([]);
}

const RATE_PX = 11;

/** What runs over the edges that stand out, in words at their middle; only where they are near enough. */
export function paintRates(frame: Frame, edges: readonly SceneEdge[]): void {
  if (!frame.detail.values) return;
  const { ctx, theme, fonts, dpr, k, model } = frame;
  inPixels(frame);
  const ready = edges
    .filter((edge) => edge.high && edge.rate > 0)
    .map((edge) => ({ at: pointAt(model.curve(edge), 0.5), sprite: fonts.sprite(byteRate(edge.rate), 500, RATE_PX, theme.t2, dpr) }));
  for (const { at, sprite } of ready) {
    const x = Math.round(at[0] * k + frame.tx);
    const y = Math.round(at[1] * k + frame.ty);
    ctx.fillStyle = theme.map;
    roundRect(ctx, x - sprite.width / 2 - 2 * dpr, y - 8 * dpr, sprite.width + 4 * dpr, 16 * dpr, 4 * dpr);
    ctx.fill();
    stamp(ctx, sprite, x, y + 4 * dpr);
  }
}

/** The edges that stay near, or stand out: what is drawn where all would be too many. */
export function shortOnes(frame: Frame, edges: readonly SceneEdge[]): SceneEdge[] {
  return edges.filter((edge) => lengthClass(frame, edge) < 2);
}

/** Edges whose ends' rectangle touches the painted part of the world. */
export function edgesIn(frame: Frame): SceneEdge[] {
  const { world, model, detail } = frame;
  const reach = detail.edges === 'straight' ? 4 : 84;
  const left = world.x - reach;
  const top = world.y - reach;
  const right = world.x + world.width + reach;
  const bottom = world.y + world.height + reach;
  const found: SceneEdge[] = [];
  for (const edge of model.edges.values()) {
    const { source, target } = edge;
    if (source.x < left && target.x < left) continue;
    if (source.x > right && target.x > right) continue;
    if (source.y < top && target.y < top) continue;
    if (source.y > bottom && target.y > bottom) continue;
    found.push(edge);
  }
  return found;
}

function styleKey(edge: SceneEdge): string {
  const stale = edge.source.stale || edge.target.stale ? 1 : 0;
  return `${edge.high ? 1 : 0}${edge.weight}${stale}${Math.round(edge.dim * 16)} ${edge.mark ?? ''}`;
}

/**
 * Far out, what runs across the whole map is drawn fainter than what stays near, so that edges never drown
 * nodes. Lengths on screen in CSS px, and the strengths of edges up to the first, up to the second, and beyond.
 */
const LENGTHS = [140, 420] as const;
const LENGTH_STRENGTH = { near: [1, 0.6, 0.3], far: [0.6, 0.34, 0.16] } as const;

function lengthClass(frame: Frame, edge: SceneEdge): 0 | 1 | 2 {
  if (edge.high || frame.detail.level < 2) return 0;
  const dx = edge.source.x - edge.target.x;
  const dy = edge.source.y - edge.target.y;
  const squared = (dx * dx + dy * dy) * frame.camera.zoom ** 2;
  if (squared <= LENGTHS[0] ** 2) return 0;
  return squared <= LENGTHS[1] ** 2 ? 1 : 2;
}

function styleOf(frame: Frame, edge: SceneEdge, strength: number): Style {
  const { theme, detail, comparing } = frame;
  const width = detail.edges === 'straight' || detail.level >= 2 ? 1 : WIDTHS[edge.weight];
  const marked = edge.mark === 'gone' || edge.mark === 'added' ? edge.mark : null;
  let alpha = 1 - edge.dim * (1 - theme.dimEdge);
  if (!edge.high) alpha *= strength;
  if (comparing && !marked && !edge.high) alpha *= theme.name === 'dark' ? 0.6 : 0.75;
  const stale = edge.source.stale || edge.target.stale;
  return {
    colour: marked ? markColour(frame, marked) : edge.high ? theme.edgeHigh : theme.edge,
    width: (marked ? 1.5 : width) + (edge.high ? HIGH_EXTRA : 0),
    alpha,
    dash: marked === 'gone' ? GONE_DASH : stale ? STALE_DASH : [],
    arrow: detail.arrow === 0 ? 0 : edge.high ? 6 : detail.arrow,
    order: (edge.high ? 100 : 0) + (marked ? 50 : 0) + (1 - edge.dim) * 10 + edge.weight,
    edges: [],
  };
}

function markColour(frame: Frame, mark: MarkKind): string {
  return frame.theme.mark[mark];
}

function paintStyle(frame: Frame, style: Style): void {
  const { ctx, k, dpr } = frame;
  const unit = dpr / k;
  ctx.globalAlpha = style.alpha;
  ctx.strokeStyle = style.colour;
  ctx.fillStyle = style.colour;
  ctx.lineWidth = style.width * unit;
  ctx.lineCap = 'butt';
  ctx.setLineDash(style.dash.map((length) => length * unit));
  if (frame.detail.edges === 'straight') {
    strokeStraight(ctx, style.edges);
    return;
  }
  const arrow = style.arrow * unit * Math.min(1.4, Math.max(0.8, frame.camera.zoom));
  strokeCurves(frame, style.edges, arrow);
  if (arrow > 0) {
    ctx.setLineDash([]);
    fillArrows(frame, style.edges, arrow);
  }
}

function strokeStraight(ctx: CanvasRenderingContext2D, edges: readonly SceneEdge[]): void {
  ctx.beginPath();
  let segments = 0;
  for (const { source, target } of edges) {
    ctx.moveTo(source.x, source.y);
    ctx.lineTo(target.x, target.y);
    if (++segments % SEGMENTS_PER_STROKE === 0) {
      ctx.stroke();
      ctx.beginPath();
    }
  }
  ctx.stroke();
}

function strokeCurves(frame: Frame, edges: readonly SceneEdge[], arrow: number): void {
  const { ctx, model } = frame;
  ctx.beginPath();
  let segments = 0;
  for (const edge of edges) {
    const curve = model.curve(edge);
    // The line ends inside the arrowhead, or its square end would stand beyond the tip.
    const [dx, dy] = arrow > 0 ? arrival(curve) : [0, 0];
    ctx.moveTo(curve[0], curve[1]);
    ctx.bezierCurveTo(curve[2], curve[3], curve[4], curve[5], curve[6] - dx * arrow * 0.8, curve[7] - dy * arrow * 0.8);
    segments += SEGMENTS_PER_CURVE;
    if (segments >= SEGMENTS_PER_STROKE) {
      ctx.stroke();
      ctx.beginPath();
      segments = 0;
    }
  }
  ctx.stroke();
}

function fillArrows(frame: Frame, edges: readonly SceneEdge[], size: number): void {
  const { ctx, model } = frame;
  ctx.beginPath();
  let heads = 0;
  for (const edge of edges) {
    addArrow(ctx, model.curve(edge), size);
    if (++heads % SEGMENTS_PER_STROKE === 0) {
      ctx.fill();
      ctx.beginPath();
    }
  }
  ctx.fill();
}

function addArrow(ctx: CanvasRenderingContext2D, curve: Curve, size: number): void {
  const [dx, dy] = arrival(curve);
  const x = curve[6];
  const y = curve[7];
  const half = size * 0.48;
  const backX = x - dx * size * 1.1;
  const backY = y - dy * size * 1.1;
  ctx.moveTo(x, y);
  ctx.lineTo(backX - dy * half, backY + dx * half);
  ctx.lineTo(backX + dy * half, backY - dx * half);
  ctx.closePath();
}
