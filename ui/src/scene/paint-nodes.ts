/** Bodies of nodes, with rings, values and badges. */

import { stamp, stampScaled, type Sprite } from './atlas';
import { BIRTH_MS, GONE_MS, GHOST_MS } from './limits';
import { easeOut, progress } from './ease';
import { type Frame, inPixels } from './frame';
import { fontPx, markPx } from './lod';
import type { SceneNode } from './nodes';
import { glyphOf, isGone, markOf, shapeOf } from './nodes';
import { type MarkKind, surfaceOf } from './theme';

/** A node with the pictures it needs, found before any is copied. */
interface Ready {
  readonly node: SceneNode;
  readonly x: number;
  readonly y: number;
  readonly plate: Sprite | null;
  readonly body: Sprite;
  readonly ring: Sprite | null;
  readonly value: Sprite | null;
  readonly alpha: number;
  readonly scale: number;
}

const RING_SELECTED = 5;
const RING_FOCUS = 3;
const VALUE_WEIGHT = 600;

/** Paints nodes in order; hovered and selected ones should come last. */
export function paintNodes(frame: Frame, nodes: readonly SceneNode[]): void {
  inPixels(frame);
  const ready = frame.detail.nodes === 'mark' ? nodes.map((node) => readyMark(frame, node)) : nodes.map((node) => readyNode(frame, node));
  for (const entry of ready) paintReady(frame, entry);
  frame.ctx.globalAlpha = 1;
}

/** Strength of a node that is coming or going; 1 when it is simply there. */
export function presence(node: SceneNode, now: number): number {
  if (node.goneAt > 0) return 1 - progress(now, node.goneAt + GHOST_MS, GONE_MS);
  if (node.bornAt > 0) return easeOut(progress(now, node.bornAt, BIRTH_MS));
  return 1;
}

function place(frame: Frame, node: SceneNode): [number, number] {
  return [Math.round(node.x * frame.k + frame.tx), Math.round(node.y * frame.k + frame.ty)];
}

function readyMark(frame: Frame, node: SceneNode): Ready {
  const { sprites, theme, highlight, camera, dpr } = frame;
  const [x, y] = place(frame, node);
  const strong = node === highlight.selected || node === highlight.hovered || node === highlight.focused;
  const px = Math.round((markPx(camera.zoom) + (strong ? 3 : 0)) * dpr);
  return {
    node, x, y, plate: null,
    body: sprites.dot(node.shape, node.kind, px),
    ring: null,
    value: null,
    alpha: (1 - node.dim * (1 - theme.dimBody)) * presence(node, frame.now),
    scale: 1,
  };
}

function readyNode(frame: Frame, node: SceneNode): Ready {
  const { sprites, highlight, detail, theme, k, dpr } = frame;
  const [x, y] = place(frame, node);
  const dimmed = node.dim > 0.001;
  const present = presence(node, frame.now);
  const mark = markOf(node);
  const value = detail.nodes === 'full' && node.value !== '' && (detail.values || highlight.showsValue(node)) ? node.value : '';
  const whole = !dimmed && present >= 1;
  const body = sprites.node(
    {
      shape: node.shape,
      kind: node.kind,
      stack: node.stackOf,
      glyph: detail.nodes === 'full' && value === '' ? glyphOf(node) : null,
      level: isGone(mark) ? Number.NaN : node.shownLevel,
      stale: node.stale,
      mark,
      hover: node === highlight.hovered,
      unchanged: frame.comparing && node.mark === null,
      depth: whole ? node.depth : -1,
    },
    k,
    dpr,
  );
  return {
    node, x, y,
    plate: whole ? null : sprites.plate(node.shape, node.stackOf, node.depth, k),
    body,
    ring: ringOf(frame, node),
    value: value === '' ? null : frame.fonts.sprite(value, VALUE_WEIGHT, Math.max(9, fontPx(frame.camera.zoom)), theme.t1, dpr),
    alpha: (1 - node.dim * (1 - theme.dimBody)) * present,
    scale: node.bornAt > 0 ? 0.9 + 0.1 * present : 1,
  };
}

function ringOf(frame: Frame, node: SceneNode): Sprite | null {
  const { highlight, sprites, k } = frame;
  if (node === highlight.selected) return sprites.ring(node.shape, node.stackOf, node.depth, RING_SELECTED, false, k);
  if (node === highlight.focused) return sprites.ring(node.shape, node.stackOf, node.depth, RING_FOCUS, true, k);
  return null;
}

function paintReady(frame: Frame, ready: Ready): void {
  const { ctx, k, dpr, detail } = frame;
  const { node, x, y, alpha, scale } = ready;
  if (alpha <= 0) return;
  ctx.globalAlpha = 1;
  if (ready.plate && alpha > 0.3) stamp(ctx, ready.plate, x, y);
  if (ready.ring) stamp(ctx, ready.ring, x, y);
  ctx.globalAlpha = alpha;
  if (scale < 1) stampScaled(ctx, ready.body, x, y, scale);
  else stamp(ctx, ready.body, x, y);
  if (ready.value) {
    const px = Math.max(9, fontPx(frame.camera.zoom)) * dpr;
    stamp(ctx, ready.value, x, Math.round(y + shapeOf(node).centreY * k + px * 0.36));
  }
  const mark = markOf(node);
  // What ended as it should needs no badge.
  if (detail.level <= 2 && mark && mark !== 'ended') paintBadge(frame, node, mark, x, y);
  else if (detail.nodes === 'mark' && (node === frame.highlight.selected || node === frame.highlight.focused)) {
    ctx.globalAlpha = 1;
    ctx.strokeStyle = frame.theme.accent;
    ctx.lineWidth = 2 * dpr;
    ctx.beginPath();
    ctx.arc(x, y, (markPx(frame.camera.zoom) / 2 + 6) * dpr, 0, 2 * Math.PI);
    ctx.stroke();
  }
}

/** Disc of 14 with a gap of 2 in the surface's colour, at the upper right; its glyph says it without colour. */
function paintBadge(frame: Frame, node: SceneNode, mark: Exclude<MarkKind, 'ended'>, x: number, y: number): void {
  const { ctx, theme, k, dpr } = frame;
  const scale = Math.min(1.3, Math.max(0.6, frame.camera.zoom)) * dpr;
  const shape = shapeOf(node);
  const bx = x + (shape.halfWidth * 0.93 + node.stack * 0.6) * k;
  const by = y - (shape.top * 0.78 + node.stack * 0.6) * k;
  ctx.fillStyle = surfaceOf(theme, node.depth);
  ctx.beginPath();
  ctx.arc(bx, by, 9 * scale, 0, 2 * Math.PI);
  ctx.fill();
  ctx.fillStyle = theme.mark[mark];
  ctx.beginPath();
  ctx.arc(bx, by, 7 * scale, 0, 2 * Math.PI);
  ctx.fill();
  ctx.strokeStyle = theme.map;
  ctx.lineWidth = 1.6 * scale;
  ctx.lineCap = 'round';
  ctx.lineJoin = 'round';
  const r = 2.7 * scale;
  ctx.beginPath();
  if (mark === 'added') {
    ctx.moveTo(bx - r, by);
    ctx.lineTo(bx + r, by);
    ctx.moveTo(bx, by - r);
    ctx.lineTo(bx, by + r);
  } else if (mark === 'gone') {
    ctx.moveTo(bx - r * 0.8, by - r * 0.8);
    ctx.lineTo(bx + r * 0.8, by + r * 0.8);
    ctx.moveTo(bx + r * 0.8, by - r * 0.8);
    ctx.lineTo(bx - r * 0.8, by + r * 0.8);
  } else if (mark === 'changed') {
    ctx.moveTo(bx, by - r);
    ctx.lineTo(bx + r, by + r * 0.75);
    ctx.lineTo(bx - r, by + r * 0.75);
    ctx.closePath();
  } else {
    ctx.moveTo(bx, by - r * 1.2);
    ctx.lineTo(bx, by + r * 0.2);
    ctx.moveTo(bx, by + r * 1.2);
    ctx.lineTo(bx, by + r * 1.21);
  }
  ctx.stroke();
}
