/** Far out: one body per box with its count and fill, and what runs between them. */

import { type Sprite, stamp } from './atlas';
import { type Frame, inPixels, inWorld, roundRect, touches } from './frame';
import { MAX_LINKS } from './limits';
import { border, type GroupLink, linkWidth, middle } from './links';
import type { SceneGroup } from './nodes';
import { filled } from './sprites';
import { ellipsize } from './text';

const LABEL_PX = 11;
/** Links that stand for at least this many edges carry their count, in edges. */
const COUNT_FROM = 8;
const MOST_COUNTS = 60;

/** Bodies of the boxes at a depth, outer boxes around them as surfaces. */
export function paintBodies(frame: Frame, depth: number): void {
  const { ctx, model, theme, k, dpr } = frame;
  inPixels(frame);
  for (const group of model.groups) {
    if (group.depth !== depth || !touches(group, frame.world)) continue;
    const x = Math.round(group.x * k + frame.tx);
    const y = Math.round(group.y * k + frame.ty);
    const width = Math.max(4, Math.round(group.width * k));
    const height = Math.max(4, Math.round(group.height * k));
    roundRect(ctx, x, y, width, height, 5 * dpr);
    ctx.fillStyle = theme.node;
    ctx.fill();
    if (!Number.isNaN(group.level)) {
      const rows = Math.round(filled(group.level) * height);
      ctx.save();
      ctx.clip();
      ctx.globalAlpha = theme.fillAlpha;
      ctx.fillStyle = frame.theme.metric[model.fill.kind];
      ctx.fillRect(x, y + height - rows, width, rows);
      ctx.globalAlpha = 1;
      ctx.fillRect(x, y + height - rows, width, 1.2 * dpr);
      ctx.restore();
    }
    ctx.strokeStyle = theme.edge;
    ctx.lineWidth = dpr;
    ctx.stroke();
  }
}

/** Label and count in the middle of each body, as far as they fit. */
export function paintBodyLabels(frame: Frame, depth: number): void {
  const { ctx, theme, dpr } = frame;
  inPixels(frame);
  const ready = frame.model.groups.filter((group) => group.depth === depth && touches(group, frame.world)).map((group) => prepareBody(frame, group));
  for (const { x, y, name, count, width } of ready) {
    if (!name) continue;
    ctx.fillStyle = theme.node;
    ctx.globalAlpha = 0.7;
    roundRect(ctx, x - (width / 2 + 4) * dpr, y - (count ? 14 : 7) * dpr, (width + 8) * dpr, (count ? 29 : 15) * dpr, 4 * dpr);
    ctx.fill();
    ctx.globalAlpha = 1;
    stamp(ctx, name, x, y + Math.round((count ? -3 : 4) * dpr));
    if (count) stamp(ctx, count, x, y + Math.round(11 * dpr));
  }
}

interface BodyLabel {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly name: Sprite | null;
  readonly count: Sprite | null;
}

/** Height from which a body has room for two lines, in CSS px. */
const TWO_LINES_PX = 30;

function prepareBody(frame: Frame, group: SceneGroup): BodyLabel {
  const { theme, fonts, dpr, camera } = frame;
  const room = group.width * camera.zoom - 8;
  const [x, y] = middleOnScreen(frame, group);
  const label = ellipsize(group.label, room, fonts.widths(600, LABEL_PX));
  const width = fonts.width(label, 600, LABEL_PX);
  const text = String(group.count);
  const two = group.height * camera.zoom >= TWO_LINES_PX && fonts.width(text, 400, LABEL_PX) <= room;
  return {
    x,
    y,
    width,
    name: width <= room ? fonts.sprite(label, 600, LABEL_PX, theme.t1, dpr) : null,
    count: two ? fonts.sprite(text, 400, LABEL_PX, theme.t2, dpr) : null,
  };
}

/** Lines between bodies by count; the strongest carry it in words. */
export function paintLinks(frame: Frame, links: readonly GroupLink[]): void {
  const { ctx, theme, dpr, k } = frame;
  inWorld(frame);
  ctx.strokeStyle = theme.edge;
  const shown = links.filter((link) => isNear(frame, link)).slice(-MAX_LINKS);
  const most = shown.at(-1)?.count ?? 1;
  for (const link of shown) {
    ctx.globalAlpha = 0.15 + (0.65 * link.count) / most;
    const [sx, sy] = middle(link.source);
    const [tx, ty] = middle(link.target);
    const [x0, y0] = border(link.source, tx, ty);
    const [x1, y1] = border(link.target, sx, sy);
    ctx.lineWidth = (linkWidth(link.count) * dpr) / k;
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
  paintCounts(frame, shown.filter((link) => link.count >= COUNT_FROM).slice(-MOST_COUNTS));
}

function paintCounts(frame: Frame, links: readonly GroupLink[]): void {
  const { ctx, theme, fonts, dpr } = frame;
  inPixels(frame);
  const ready = links.map((link) => ({ link, sprite: fonts.sprite(String(link.count), 500, 10, theme.t2, dpr) }));
  for (const { link, sprite } of ready) {
    const [sx, sy] = border(link.source, ...middle(link.target));
    const [tx, ty] = border(link.target, ...middle(link.source));
    // Links too short for a number keep to their width.
    if (Math.hypot(tx - sx, ty - sy) * frame.camera.zoom < 28) continue;
    const x = Math.round(((sx + tx) / 2) * frame.k + frame.tx);
    const y = Math.round(((sy + ty) / 2) * frame.k + frame.ty);
    ctx.fillStyle = theme.map;
    roundRect(ctx, x - sprite.width / 2 - dpr, y - 7 * dpr, sprite.width + 2 * dpr, 13 * dpr, 4 * dpr);
    ctx.fill();
    stamp(ctx, sprite, x, y + Math.round(3.5 * dpr));
  }
}

function isNear(frame: Frame, link: GroupLink): boolean {
  const [sx, sy] = middle(link.source);
  const [tx, ty] = middle(link.target);
  return touches({ x: Math.min(sx, tx), y: Math.min(sy, ty), width: Math.abs(sx - tx), height: Math.abs(sy - ty) }, frame.world);
}

function middleOnScreen(frame: Frame, group: SceneGroup): [number, number] {
  const [x, y] = middle(group);
  return [Math.round(x * frame.k + frame.tx), Math.round(y * frame.k + frame.ty)];
}
