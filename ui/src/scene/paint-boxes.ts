/** Boxes around nodes and their labels. */

import { type Frame, inPixels, inWorld, roundRect, touches } from './frame';
import type { SceneGroup } from './nodes';
import { surfaceOf } from './theme';
import { ellipsize } from './text';

const OUTER_RADIUS = 12;
const INNER_RADIUS = 8;
/** Least size of a box on screen, in CSS px, for its label to be tried. */
const LABEL_LEAST_PX = 40;

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

/** Labels with their facts; drawn after the edges, so that none crosses them. */
export function paintBoxLabels(frame: Frame): void {
  const { model, camera } = frame;
  inWorld(frame);
  for (const group of model.groups) {
    if (!touches(group, frame.world) || group.width * camera.zoom < LABEL_LEAST_PX) continue;
    paintBoxLabel(frame, group);
  }
}

function paintBoxLabel(frame: Frame, group: SceneGroup): void {
  const { ctx, theme, fonts, dpr, camera } = frame;
  inPixels(frame);
  const outer = group.depth === 1;
  const scale = Math.min(1.4, Math.max(camera.zoom, 0.5));
  const px = Math.min(16, Math.max(11, Math.round(11 * Math.min(camera.zoom, 1.4))));
  const weight = outer ? 600 : 500;
  const pad = Math.round((outer ? 10 : 12) * scale) * dpr;
  const left = Math.round(group.x * frame.k + frame.tx);
  const top = Math.round(group.y * frame.k + frame.ty);
  const icon = outer && group.field === 'host' ? Math.round(17 * (px / 11)) * dpr : 0;
  const room = group.width * camera.zoom - (pad + icon) / dpr - 5;
  const widths = fonts.widths(weight, px);
  const label = ellipsize(group.label, room, widths);
  const text = fonts.sprite(label, weight, px, outer ? theme.t1 : theme.t3, dpr);
  const labelWidth = fonts.width(label, weight, px);
  let facts = group.facts;
  const gap = Math.round(px * 0.82);
  let factsWidth = facts === '' ? 0 : fonts.width(facts, 400, px);
  if (factsWidth > 0 && labelWidth + gap + factsWidth > room) {
    facts = '';
    factsWidth = 0;
  }
  const total = icon / dpr + labelWidth + (factsWidth > 0 ? gap + factsWidth : 0);
  const baseline = top + Math.round((outer ? 19.5 : 17) * scale * dpr);
  const x = left + pad;
  ctx.globalAlpha = 1;
  ctx.fillStyle = surfaceOf(theme, group.depth);
  roundRect(ctx, x - 4 * dpr, baseline - px * dpr, (total + 8) * dpr, px * 1.35 * dpr, 4 * dpr);
  ctx.fill();
  if (icon > 0) {
    ctx.beginPath();
    ctx.arc(x + 5.5 * (px / 11) * dpr, baseline - px * 0.36 * dpr, 5.2 * (px / 11) * dpr, 0, 2 * Math.PI);
    ctx.lineWidth = 1.4 * dpr;
    ctx.strokeStyle = theme.kind.host;
    ctx.stroke();
  }
  // Sprites hang on the middle of their baseline.
  const at = x + icon + (labelWidth * dpr) / 2;
  ctx.drawImage(text.page, text.x, text.y, text.width, text.height, Math.round(at - text.originX), baseline - text.originY, text.width, text.height);
  if (factsWidth > 0) {
    const more = fonts.sprite(facts, 400, px, theme.t3, dpr);
    const middle = x + icon + (labelWidth + gap + factsWidth / 2) * dpr;
    ctx.drawImage(more.page, more.x, more.y, more.width, more.height, Math.round(middle - more.originX), baseline - more.originY, more.width, more.height);
  }
}
