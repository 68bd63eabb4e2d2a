/** The timeline's picture and what is under the pointer on it. */

import { eventLook } from '../format/event';
import type { Event } from '../generated/Event';
import type { ChartColours } from './appearance.svelte';
import type { MetricKind } from './metric';
import { bounds, drawArea, type Frame, type Sample, xOf, yOf } from './plot';
import { tickLabel, ticks, tickStep } from './ticks';

/** How an event is marked. */
export type MarkShape = 'dot' | 'diamond' | 'triangle';

export function markShape(kind: string): MarkShape {
  const { tone } = eventLook(kind);
  if (tone === 'warn') return 'diamond';
  return tone === 'error' ? 'triangle' : 'dot';
}

/** Heights in CSS px: marks on top, the area, labels at the foot. */
const MARK_Y = 6;
const AREA_TOP = 11;
export const AREA_FOOT = 40;
const LABEL_Y = 53;
const MARK_REACH_PX = 6;
/** Between the lines of what is not recorded. */
const HATCH_PX = 7;

export interface TimelinePicture {
  readonly samples: readonly Sample[];
  readonly kind: MetricKind;
  readonly events: readonly Event[];
  readonly from: number;
  readonly to: number;
  /** Nothing is recorded before this, in milliseconds since the epoch; null when nothing is at all. */
  readonly recordedFrom: number | null;
  /** The moment that is looked at; null is now. */
  readonly at: number | null;
  /** The moment that it is compared with; null compares nothing. */
  readonly base?: number | null;
  /** The moment under the pointer. */
  readonly hover: number | null;
  readonly width: number;
}

export function frameOf({ samples, from, to, width }: TimelinePicture): Frame {
  const inside = samples.filter(([ms]) => ms >= from && ms <= to);
  const [, most] = bounds(inside, 0);
  return { from, to, min: 0, max: most, left: 0.5, top: AREA_TOP, width: width - 4, height: AREA_FOOT - AREA_TOP };
}

/** The time at an x, within the bounds. */
export function timeAt(frame: Frame, x: number): number {
  const share = (x - frame.left) / Math.max(1, frame.width);
  return frame.from + Math.min(1, Math.max(0, share)) * (frame.to - frame.from);
}

/** The event whose mark is nearest to an x, if one is close. */
export function eventAt(frame: Frame, events: readonly Event[], x: number): Event | null {
  let found: Event | null = null;
  let least = MARK_REACH_PX;
  for (const event of events) {
    const distance = Math.abs(xOf(frame, event.at_ms) - x);
    if (distance <= least) {
      least = distance;
      found = event;
    }
  }
  return found;
}

/** Where the record begins on the frame, in CSS px; the right end when there is none. */
export function recordStart(frame: Frame, recordedFrom: number | null): number {
  const from = recordedFrom === null ? frame.to : Math.min(frame.to, Math.max(frame.from, recordedFrom));
  return xOf(frame, from);
}

/** Hatches what is not recorded: there is nothing to look at. */
function drawUnrecorded(ctx: CanvasRenderingContext2D, frame: Frame, end: number, samples: readonly Sample[], colours: ChartColours): void {
  const left = frame.left;
  if (end - left < 2) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, AREA_TOP, end - left, AREA_FOOT - AREA_TOP);
  ctx.clip();
  ctx.strokeStyle = colours.line2;
  ctx.lineWidth = 1;
  ctx.beginPath();
  const height = AREA_FOOT - AREA_TOP;
  for (let x = left - height; x < end; x += HATCH_PX) {
    ctx.moveTo(x, AREA_FOOT);
    ctx.lineTo(x + height, AREA_TOP);
  }
  ctx.stroke();
  ctx.restore();
  const words = 'not recorded';
  ctx.font = `11px ${colours.sans}`;
  const width = ctx.measureText(words).width;
  if (end - left < width + 24) return;
  const x = (left + end) / 2;
  // Readings may reach further back than pictures; over them the words would not be read.
  if (samples.some(([ms]) => Math.abs(xOf(frame, ms) - x) < width / 2 + 12)) return;
  ctx.fillStyle = colours.panel;
  ctx.fillRect(x - width / 2 - 6, AREA_TOP + 6, width + 12, 17);
  ctx.fillStyle = colours.t3;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'alphabetic';
  ctx.fillText(words, x, AREA_TOP + 18);
}

export function drawTimeline(ctx: CanvasRenderingContext2D, picture: TimelinePicture, colours: ChartColours): void {
  const frame = frameOf(picture);
  drawUnrecorded(ctx, frame, recordStart(frame, picture.recordedFrom), picture.samples, colours);
  drawTicks(ctx, picture, frame, colours);
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, 0, picture.width, AREA_FOOT + 1);
  ctx.clip();
  const shown = picture.samples.filter(([ms]) => ms >= picture.from && ms <= picture.to);
  drawArea(ctx, frame, shown, { colour: colours.metric[picture.kind], fill: 0.16, line: 1.4 });
  ctx.restore();
  drawSpan(ctx, picture, frame, colours);
  for (const event of picture.events) {
    if (event.at_ms >= picture.from && event.at_ms <= picture.to) drawMark(ctx, markShape(event.kind), xOf(frame, event.at_ms), colours);
  }
  drawMoment(ctx, picture, frame, colours, shown);
  if (picture.hover !== null) {
    const x = Math.round(xOf(frame, picture.hover)) + 0.5;
    ctx.strokeStyle = colours.t3;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x, 0);
    ctx.lineTo(x, AREA_FOOT);
    ctx.stroke();
  }
}

/** The span between the moments that are compared, and the flag of the earlier. */
function drawSpan(ctx: CanvasRenderingContext2D, picture: TimelinePicture, frame: Frame, colours: ChartColours): void {
  if (picture.base === null || picture.base === undefined) return;
  const clamp = (ms: number): number => xOf(frame, Math.min(picture.to, Math.max(picture.from, ms)));
  const [a, b] = [clamp(picture.base), clamp(picture.at ?? picture.to)];
  ctx.save();
  ctx.globalAlpha = 0.1;
  ctx.fillStyle = colours.accent;
  ctx.fillRect(Math.min(a, b), AREA_TOP, Math.abs(b - a), AREA_FOOT - AREA_TOP);
  ctx.restore();
  if (picture.base < picture.from || picture.base > picture.to) return;
  ctx.strokeStyle = colours.accent;
  ctx.lineWidth = 1.4;
  ctx.beginPath();
  ctx.moveTo(a, 1);
  ctx.lineTo(a, AREA_FOOT);
  ctx.stroke();
  const left = Math.min(Math.max(0, a - 7), picture.width - 14);
  ctx.fillStyle = colours.panel;
  ctx.fillRect(left, 0.7, 14, 13);
  ctx.strokeRect(left, 0.7, 14, 13);
  ctx.fillStyle = colours.accent;
  ctx.font = `600 10px ${colours.sans}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'alphabetic';
  ctx.fillText('A', left + 7, 10.8);
}

function drawTicks(ctx: CanvasRenderingContext2D, picture: TimelinePicture, frame: Frame, colours: ChartColours): void {
  ctx.strokeStyle = colours.line2;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(0, AREA_FOOT + 0.5);
  ctx.lineTo(picture.width, AREA_FOOT + 0.5);
  const step = tickStep(picture.to - picture.from, picture.width);
  const times = ticks(picture.from, picture.to, step);
  for (const ms of times) {
    const x = Math.round(xOf(frame, ms)) + 0.5;
    ctx.moveTo(x, AREA_FOOT);
    ctx.lineTo(x, AREA_FOOT + 3);
  }
  ctx.stroke();
  ctx.fillStyle = colours.t3;
  ctx.font = `11px ${colours.sans}`;
  ctx.textBaseline = 'alphabetic';
  ctx.fontKerning = 'normal';
  for (const ms of times) {
    const label = tickLabel(ms, step);
    const half = ctx.measureText(label).width / 2;
    // Labels at the ends move in rather than being cut.
    const x = Math.min(picture.width - half, Math.max(half, xOf(frame, ms)));
    ctx.textAlign = 'center';
    ctx.fillText(label, x, LABEL_Y);
  }
}

function drawMark(ctx: CanvasRenderingContext2D, shape: MarkShape, x: number, colours: ChartColours): void {
  ctx.beginPath();
  if (shape === 'dot') {
    ctx.fillStyle = colours.t3;
    ctx.arc(x, MARK_Y, 2.6, 0, 2 * Math.PI);
    ctx.fill();
  } else if (shape === 'diamond') {
    ctx.strokeStyle = colours.warn;
    ctx.lineWidth = 1.4;
    ctx.moveTo(x, MARK_Y - 4);
    ctx.lineTo(x + 4, MARK_Y);
    ctx.lineTo(x, MARK_Y + 4);
    ctx.lineTo(x - 4, MARK_Y);
    ctx.closePath();
    ctx.stroke();
  } else {
    ctx.fillStyle = colours.error;
    ctx.moveTo(x - 4, MARK_Y - 3.4);
    ctx.lineTo(x + 4, MARK_Y - 3.4);
    ctx.lineTo(x, MARK_Y + 3.8);
    ctx.closePath();
    ctx.fill();
  }
}

/** The line of the moment that is shown: at the end while live. Its dot stands on the area. */
function drawMoment(ctx: CanvasRenderingContext2D, picture: TimelinePicture, frame: Frame, colours: ChartColours, shown: readonly Sample[]): void {
  const moment = picture.at ?? picture.to;
  if (moment < picture.from || moment > picture.to) return;
  const x = xOf(frame, moment);
  ctx.strokeStyle = colours.accent;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(x, 1);
  ctx.lineTo(x, AREA_FOOT);
  ctx.stroke();
  let value = Number.NaN;
  for (const [ms, sample] of shown) if (ms <= moment) value = sample;
  if (!Number.isFinite(value)) return;
  ctx.fillStyle = colours.accent;
  ctx.beginPath();
  ctx.arc(x, yOf(frame, value), 3, 0, 2 * Math.PI);
  ctx.fill();
}
