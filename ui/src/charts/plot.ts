/** What sparklines and the timeline share: scales, gaps, areas. */

/** Milliseconds since the epoch, value. */
export type Sample = readonly [ms: number, value: number];

export interface Frame {
  /** Bounds of time. */
  readonly from: number;
  readonly to: number;
  /** Bounds of values. */
  readonly min: number;
  readonly max: number;
  /** Part of the canvas that is drawn on, in CSS px. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export function xOf(frame: Frame, ms: number): number {
  const span = frame.to - frame.from;
  return frame.left + (span > 0 ? ((ms - frame.from) / span) * frame.width : frame.width);
}

export function yOf(frame: Frame, value: number): number {
  const span = frame.max - frame.min;
  const share = span > 0 ? (value - frame.min) / span : 0.5;
  return frame.top + frame.height * (1 - Math.min(1, Math.max(0, share)));
}

/** Bounds of values: those given, else those of the samples with a little air above; never empty. */
export function bounds(samples: readonly Sample[], min?: number, max?: number): [number, number] {
  let least = min ?? Number.POSITIVE_INFINITY;
  let most = max ?? Number.NEGATIVE_INFINITY;
  for (const [, value] of samples) {
    if (!Number.isFinite(value)) continue;
    if (min === undefined) least = Math.min(least, value);
    if (max === undefined) most = Math.max(most, value);
  }
  if (!Number.isFinite(least)) least = 0;
  if (!Number.isFinite(most) || most <= least) most = least + 1;
  return max === undefined ? [least, most + (most - least) * 0.1] : [least, most];
}

/** Longer than this many usual steps between two samples is a gap. */
const GAP_STEPS = 4;

/** Runs of samples without a gap or a missing value between them. */
export function runs(samples: readonly Sample[]): Sample[][] {
  const gap = usualStep(samples) * GAP_STEPS;
  const found: Sample[][] = [];
  let run: Sample[] = [];
  for (const sample of samples) {
    const last = run.at(-1);
    const broken = !Number.isFinite(sample[1]) || (last !== undefined && gap > 0 && sample[0] - last[0] > gap);
    if (broken && run.length > 0) {
      found.push(run);
      run = [];
    }
    if (Number.isFinite(sample[1])) run.push(sample);
  }
  if (run.length > 0) found.push(run);
  return found;
}

/** The median distance between samples, in ms. */
function usualStep(samples: readonly Sample[]): number {
  const steps: number[] = [];
  for (let i = 1; i < samples.length; i++) steps.push((samples[i]?.[0] ?? 0) - (samples[i - 1]?.[0] ?? 0));
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

export interface AreaStyle {
  readonly colour: string;
  /** Strength of the area under the line. */
  readonly fill: number;
  readonly line: number;
}

/** Draws an area with its line, broken at gaps. */
export function drawArea(ctx: CanvasRenderingContext2D, frame: Frame, samples: readonly Sample[], style: AreaStyle): void {
  const foot = frame.top + frame.height;
  ctx.lineJoin = 'round';
  ctx.lineCap = 'round';
  ctx.strokeStyle = style.colour;
  ctx.fillStyle = style.colour;
  ctx.lineWidth = style.line;
  for (const run of runs(samples)) {
    const first = run[0];
    const last = run.at(-1);
    if (!first || !last) continue;
    ctx.beginPath();
    ctx.moveTo(xOf(frame, first[0]), foot);
    for (const [ms, value] of run) ctx.lineTo(xOf(frame, ms), yOf(frame, value));
    ctx.lineTo(xOf(frame, last[0]), foot);
    ctx.globalAlpha = style.fill;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    for (const [i, [ms, value]] of run.entries()) {
      if (i === 0) ctx.moveTo(xOf(frame, ms), yOf(frame, value));
      else ctx.lineTo(xOf(frame, ms), yOf(frame, value));
    }
    ctx.stroke();
  }
}

/** The value at a time: that of the nearest sample within a usual gap; NaN where there is none. */
export function valueAt(samples: readonly Sample[], ms: number): number {
  const reach = usualStep(samples) * GAP_STEPS;
  let low = 0;
  let high = samples.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.[0] ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  let value = Number.NaN;
  let distance = reach > 0 ? reach : Number.POSITIVE_INFINITY;
  for (const sample of [samples[low - 1], samples[low]]) {
    if (sample && Math.abs(sample[0] - ms) <= distance) {
      distance = Math.abs(sample[0] - ms);
      value = sample[1];
    }
  }
  return value;
}

/** Sizes a canvas for the screen's pixels and gives its context in CSS px. Null where canvases do not draw. */
export function prepareCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const dpr = globalThis.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * dpr));
  const h = Math.max(1, Math.round(height * dpr));
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const ctx = canvas.getContext('2d');
  ctx?.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx?.clearRect(0, 0, width, height);
  return ctx;
}
