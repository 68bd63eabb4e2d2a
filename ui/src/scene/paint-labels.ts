/** Labels under nodes, on a backing in the surface's colour. */

import { stamp, type Sprite } from './atlas';
import { type Frame, inPixels, roundRect } from './frame';
import { labelTexts } from './labels';
import { fontPx } from './lod';
import { isGone, markOf, type SceneNode } from './nodes';
import { presence } from './paint-nodes';
import { ago } from '../format/time';
import { surfaceOf } from './theme';

interface Ready {
  readonly node: SceneNode;
  readonly x: number;
  /** First baseline, in device px. */
  readonly y: number;
  readonly name: Sprite;
  readonly minor: Sprite | null;
  readonly nameWidth: number;
  readonly width: number;
}

/** First baseline under the shape, in CSS px at 100 %. */
const FIRST_BASELINE = 14;
const SELECTED_LOWER = 4;
const BACKING_PAD = 4;

export function paintLabels(frame: Frame, nodes: readonly SceneNode[]): void {
  if (frame.detail.labels === 'groups') {
    paintAskedLabels(frame, nodes);
    return;
  }
  inPixels(frame);
  const ready = nodes.filter((node) => isNamed(frame, node)).map((node) => prepare(frame, node));
  for (const label of ready) paintLabel(frame, label);
  frame.ctx.globalAlpha = 1;
}

/** Far out only what is asked for has a name: under the pointer, selected, focused. */
function paintAskedLabels(frame: Frame, nodes: readonly SceneNode[]): void {
  if (frame.detail.nodes === 'group') return;
  inPixels(frame);
  const asked = nodes.filter((node) => isAsked(frame, node)).map((node) => prepare(frame, node));
  for (const label of asked) paintLabel(frame, label);
  frame.ctx.globalAlpha = 1;
}

function isAsked(frame: Frame, node: SceneNode): boolean {
  const { highlight } = frame;
  return node === highlight.hovered || node === highlight.selected || node === highlight.focused;
}

function isNamed(frame: Frame, node: SceneNode): boolean {
  return frame.detail.labels === 'both' || node.namedIn === frame.plan || isAsked(frame, node) || node.mark !== null;
}

function prepare(frame: Frame, node: SceneNode): Ready {
  const { camera, fonts, theme, dpr, highlight, k } = frame;
  const px = fontPx(camera.zoom);
  const asked = isAsked(frame, node);
  let [name, minor] = labelTexts(node, frame.model, fonts, camera.zoom, asked, frame.detail.labels === 'name' ? node.nameWidth : 0);
  let minorColour = theme.t3;
  const mark = markOf(node);
  if (mark) minorColour = theme.mark[mark];
  else if (node.stale && node.staleSince > 0) {
    minor = `last seen ${ago(node.staleSince, Date.now())}`;
    minorColour = theme.warn;
  }
  if (frame.detail.labels !== 'both' && !asked) minor = '';
  const nameWidth = fonts.width(name, 600, px);
  const minorWidth = minor === '' ? 0 : fonts.width(minor, 400, px);
  const below = frame.detail.nodes === 'mark' ? 6 : node.bottom * camera.zoom;
  const drop = Math.max(px + 2, FIRST_BASELINE * Math.min(1.4, camera.zoom)) + (node === highlight.selected ? SELECTED_LOWER : 0);
  return {
    node,
    x: Math.round(node.x * k + frame.tx),
    y: Math.round(node.y * k + frame.ty + (below + drop) * dpr),
    name: fonts.sprite(name, 600, px, theme.t1, dpr),
    minor: minor === '' ? null : fonts.sprite(minor, 400, px, minorColour, dpr),
    nameWidth,
    width: Math.max(nameWidth, minorWidth),
  };
}

function paintLabel(frame: Frame, ready: Ready): void {
  const { ctx, theme, dpr, camera } = frame;
  const { node, x, y } = ready;
  const px = fontPx(camera.zoom);
  const line = Math.round(px * 1.27) * dpr;
  const here = presence(node, frame.now);
  if (here <= 0) return;
  const width = (ready.width + 2 * BACKING_PAD) * dpr;
  const height = (px * 1.25 + 1) * dpr + (ready.minor ? line : 0);
  ctx.globalAlpha = here;
  ctx.fillStyle = surfaceOf(theme, node.depth);
  roundRect(ctx, Math.round(x - width / 2), Math.round(y - px * 0.95 * dpr), Math.round(width), Math.round(height), 4 * dpr);
  ctx.fill();
  ctx.globalAlpha = here * (1 - node.dim * (1 - theme.dimLabel));
  stamp(ctx, ready.name, x, y);
  if (ready.minor) stamp(ctx, ready.minor, x, y + line);
  if (isGone(markOf(node))) {
    ctx.fillStyle = theme.t1;
    ctx.fillRect(x - (ready.nameWidth / 2) * dpr, Math.round(y - px * 0.36 * dpr), ready.nameWidth * dpr, dpr);
  }
}
