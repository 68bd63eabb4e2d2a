/** A series as uPlot takes it, and how uPlot is to look. */

import type uPlot from 'uplot';
import type { HistorySeries } from '../generated/HistorySeries';
import type { ChartColours } from './appearance.svelte';
import { tickLabel, ticks, tickStep } from './ticks';

/** Columns: seconds since the epoch, mean, greatest, least. Nulls break the line. */
export type Columns = [number[], (number | null)[], (number | null)[], (number | null)[]];

/** More than this many steps without a point is a gap. */
const GAP_STEPS = 3;

/** Lines up the points, with a break at each start of an incarnation and where points are missing. */
export function columnsOf(series: HistorySeries): Columns {
  const columns: Columns = [[], [], [], []];
  const starts = [...series.incarnations_ms].sort((a, b) => a - b);
  let next = 0;
  let last: number | null = null;
  for (const { t_ms, avg, min, max } of series.points) {
    while (next < starts.length && (starts[next] ?? 0) <= t_ms) {
      const start = starts[next] ?? 0;
      if (last !== null && start > last) pushBreak(columns, last, t_ms);
      next += 1;
    }
    if (last !== null && series.step_ms > 0 && t_ms - last > series.step_ms * GAP_STEPS) pushBreak(columns, last, t_ms);
    columns[0].push(t_ms / 1000);
    columns[1].push(avg);
    columns[2].push(max);
    columns[3].push(min);
    last = t_ms;
  }
  return columns;
}

/** One empty point between two, unless there is one. */
function pushBreak(columns: Columns, before: number, after: number): void {
  if (columns[1].at(-1) === null) return;
  columns[0].push((before + after) / 2000);
  columns[1].push(null);
  columns[2].push(null);
  columns[3].push(null);
}

/** True when points stand for several samples, so that least and greatest differ from the mean. */
export function hasBand(series: HistorySeries): boolean {
  return series.step_ms > 0 && series.points.some((point) => point.max > point.min);
}

export interface Look {
  readonly colours: ChartColours;
  readonly colour: string;
  readonly width: number;
  readonly height: number;
  readonly band: boolean;
  readonly value: (value: number) => string;
  /** Bounds of the axis of time, in seconds since the epoch. */
  readonly bounds: () => [number, number];
  readonly cursor: (index: number | null) => void;
  readonly range: (fromMs: number, toMs: number) => void;
}

/** Space for the labels of values, in CSS px. */
const AXIS_PX = 64;
const LEAST_DRAG_PX = 6;

export function optionsOf(look: Look): uPlot.Options {
  const { colours, colour } = look;
  const font = `11px ${colours.sans}`;
  const grid = { stroke: colours.line, width: 1 };
  const faint = { stroke: withAlpha(colour, 0.001), width: 0, points: { show: false } };
  return {
    width: look.width,
    height: look.height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    scales: { x: { time: true, range: () => look.bounds() }, y: { range: (_, min, max) => valueRange(min, max) } },
    axes: [
      {
        stroke: colours.t3,
        font,
        grid,
        ticks: { ...grid, size: 4 },
        size: 28,
        splits: (chart, _axis, min, max) => ticks(min * 1000, max * 1000, stepOf(chart, min, max)).map((ms) => ms / 1000),
        values: (chart, splits) => {
          const { min = 0, max = 0 } = chart.scales.x ?? {};
          const step = stepOf(chart, min ?? 0, max ?? 0);
          return splits.map((seconds) => tickLabel(seconds * 1000, step));
        },
      },
      { stroke: colours.t3, font, grid, ticks: { show: false }, size: AXIS_PX, values: (_, splits) => splits.map((value) => look.value(value).replace(/\.0(?=\D|$)/, '')) },
    ],
    series: [
      {},
      { stroke: colour, width: 1.4, fill: look.band ? undefined : withAlpha(colour, 0.14), points: { size: 4, fill: colour, stroke: colour } },
      faint,
      faint,
    ],
    bands: look.band ? [{ series: [2, 3], fill: withAlpha(colour, 0.22) }] : [],
    cursor: {
      y: false,
      points: { size: 7, fill: colour, stroke: colours.panel, width: 2 },
      drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG_PX },
      bind: { dblclick: () => null },
    },
    hooks: {
      setCursor: [(chart) => look.cursor(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < LEAST_DRAG_PX) return;
          const from = chart.posToVal(left, 'x') * 1000;
          const to = chart.posToVal(left + width, 'x') * 1000;
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          look.range(from, to);
        },
      ],
    },
  };
}

function stepOf(chart: uPlot, min: number, max: number): number {
  return tickStep((max - min) * 1000, chart.bbox.width / (globalThis.devicePixelRatio || 1));
}

/** From zero, or from the least when it is below; air above. */
export function valueRange(min: number | null, max: number | null): [number, number] {
  const least = Math.min(0, min ?? 0);
  const most = max ?? 1;
  return most > least ? [least, most + (most - least) * 0.08] : [least, least + 1];
}

/** A hex colour of the tokens with a strength. */
export function withAlpha(hex: string, alpha: number): string {
  const digits = /^#([0-9a-f]{6})$/i.exec(hex)?.[1];
  if (!digits) return hex;
  const value = Number.parseInt(digits, 16);
  return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${alpha})`;
}
