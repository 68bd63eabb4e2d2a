/** Boxes around nodes and their labels. */

import { type Sprite, stamp } from './atlas';
import { type Frame, inPixels, roundRect, touches } from './frame';
import type { SceneGroup } from './nodes';
import { surfaceOf } from './theme';
import { ellipsize } from './text';

const OUTER_RADIUS = 12;
const INNER_RADIUS = 8;
/** Least size of a box on screen, in CSS px, for its label to be tried. */
const LABEL_LEAST_PX = 40;
/** From this zoom on the heads of boxes have room for letters, and inner boxes have labels of their own. */
const INNER_FROM_ZOOM = 0.28;

/** Surfaces and lines, outer boxes first. */
export function paintBoxes(frame: Frame): void {
  const { ctx, model, theme, dpr, k } = frame;
  inPixels(frame);
  ctx.lineWidth = Math.max(1, Math.round(dpr));
  ctx.strokeStyle = theme.line;
  const half = ctx.lineWidth / 2;
  for (const group of model.groups) {
    if (!touches(group, frame.world)) continue;
    const x = Math.round(group.x * k + frame.tx) + half;
    const y = Math.round(group.y * k + frame.ty) + half;
    const width = Math.round(group.width * k);
    const height = Math.round(group.height * k);
    roundRect(ctx, x, y, width, height, (group.depth === 1 ? OUTER_RADIUS : INNER_RADIUS) * Math.min(k, dpr));
    ctx.fillStyle = surfaceOf(theme, group.depth);
    ctx.fill();
    ctx.stroke();
  }
}

/** Labels with their facts; drawn after the edges, so that none crosses them. Boxes deeper than `deepest` have none. */
export function paintBoxLabels(frame: Frame, deepest = Number.POSITIVE_INFINITY): void {
  const { model, camera } = frame;
  inPixels(frame);
  const inner = camera.zoom >= INNER_FROM_ZOOM;
  const shown = model.groups.filter(
    (group) => group.depth <= deepest && (group.depth === 1 || inner) && group.width * camera.zoom >= LABEL_LEAST_PX && touches(group, frame.world),
  );
  for (const label of shown.map((group) => prepare(frame, group))) paintBoxLabel(frame, label);
}

interface BoxLabel {
  readonly group: SceneGroup;
  readonly x: number;
  readonly baseline: number;
  readonly px: number;
  /** Widths in CSS px. */
  readonly icon: number;
  readonly width: number;
  readonly gap: number;
  readonly factsWidth: number;
  readonly text: Sprite;
  readonly facts: Sprite | null;
}

/** Where a label stands, in CSS px from the box's upper left corner. */
function labelPlace(group: SceneGroup, zoom: number): { pad: number; baseline: number } {
  const outer = group.depth === 1;
  // Where the head has become too low for letters, the label stands on the box's upper line.
  if (zoom < INNER_FROM_ZOOM) return { pad: 8, baseline: 4 };
  const scale = Math.min(1.4, Math.max(zoom, 0.5));
  return { pad: Math.round((outer ? 10 : 12) * scale), baseline: Math.round((outer ? 19.5 : 17) * scale) };
}

function prepare(frame: Frame, group: SceneGroup): BoxLabel {
  const { theme, fonts, dpr, camera } = frame;
  const outer = group.depth === 1;
  const px = Math.min(16, Math.max(11, Math.round(11 * Math.min(camera.zoom, 1.4))));
  const weight = outer ? 600 : 500;
  const { pad, baseline } = labelPlace(group, camera.zoom);
  const gap = Math.round(px * 0.82);
  const icon = outer && group.field === 'host' ? Math.round(17 * (px / 11)) : 0;
  const room = group.width * camera.zoom - pad - icon - 5;
  const label = ellipsize(group.label, room, fonts.widths(weight, px));
  const width = fonts.width(label, weight, px);
  const factsWidth = group.facts === '' ? 0 : fonts.width(group.facts, 400, px);
  const hasFacts = factsWidth > 0 && width + gap + factsWidth <= room;
  return {
    group, px, icon, width, gap, factsWidth,
    x: Math.round(group.x * frame.k + frame.tx) + pad * dpr,
    baseline: Math.round(group.y * frame.k + frame.ty) + baseline * dpr,
    text: fonts.sprite(label, weight, px, outer ? theme.t1 : theme.t3, dpr),
    facts: hasFacts ? fonts.sprite(group.facts, 400, px, theme.t3, dpr) : null,
  };
}

function paintBoxLabel(frame: Frame, label: BoxLabel): void {
  const { ctx, theme, dpr } = frame;
  const { x, baseline, px, icon, width, gap, factsWidth, text, facts } = label;
  const total = icon + width + (facts ? gap + factsWidth : 0);
  ctx.globalAlpha = 1;
  ctx.fillStyle = surfaceOf(theme, label.group.depth);
  roundRect(ctx, x - 4 * dpr, baseline - px * dpr, (total + 8) * dpr, px * 1.35 * dpr, 4 * dpr);
  ctx.fill();
  if (icon > 0) paintHostIcon(frame, x, baseline, px);
  // Sprites hang on the middle of their baseline.
  stamp(ctx, text, Math.round(x + (icon + width / 2) * dpr), baseline);
  if (facts) stamp(ctx, facts, Math.round(x + (icon + width + gap + factsWidth / 2) * dpr), baseline);
}

function paintHostIcon(frame: Frame, x: number, baseline: number, px: number): void {
  const { ctx, theme, dpr } = frame;
  const size = (px / 11) * dpr;
  ctx.beginPath();
  ctx.arc(x + 5.5 * size, baseline - 4 * size, 5.2 * size, 0, 2 * Math.PI);
  ctx.lineWidth = 1.4 * dpr;
  ctx.strokeStyle = theme.kind.host;
  ctx.stroke();
}
