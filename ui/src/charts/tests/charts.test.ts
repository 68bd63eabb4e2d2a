import { describe, expect, it } from 'vitest';
import type { Event } from '../../generated/Event';
import type { HistorySeries } from '../../generated/HistorySeries';
import { columnsOf, hasBand, valueRange, withAlpha } from '../history';
import { metricKind } from '../metric';
import { bounds, type Frame, runs, valueAt, xOf, yOf } from '../plot';
import { tickLabel, ticks, tickStep } from '../ticks';
import { eventAt, frameOf, markShape, recordStart, timeAt } from '../timeline';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FRAME: Frame = { from: 1000, to: 2000, min: 0, max: 10, left: 5, top: 2, width: 100, height: 20 };

describe('metric hues', () => {
  it.each([
    ['process_cpu_usage_percent', 'CPU', 'cpu'],
    ['docker_memory_usage', 'Memory', 'memory'],
    ['host_mem_usage_bytes', 'Memory', 'memory'],
    ['load1', 'Load (1m)', 'cpu'],
    ['open_files_count', 'Open files', 'disk'],
    ['network_rx_bytes', 'Received', 'network'],
    ['http_requests_per_second', 'HTTP requests/second', 'network'],
    ['iowait', 'IO wait', 'cpu'],
    ['threads', 'Threads', 'other'],
  ])('%s', (id, label, kind) => {
    expect(metricKind(id, label)).toBe(kind);
  });
});

describe('scales', () => {
  it('place times and values, and hold values within the frame', () => {
    expect([xOf(FRAME, 1000), xOf(FRAME, 1500), xOf(FRAME, 2000)]).toEqual([5, 55, 105]);
    expect([yOf(FRAME, 0), yOf(FRAME, 10), yOf(FRAME, 99), yOf(FRAME, -5)]).toEqual([22, 2, 2, 22]);
    expect(xOf({ ...FRAME, to: 1000 }, 1000)).toBe(105);
    expect(yOf({ ...FRAME, max: 0 }, 5)).toBe(12);
  });

  it('are never empty', () => {
    expect(bounds([])).toEqual([0, 1.1]);
    expect(bounds([[0, 5], [1, 5]])[1]).toBeGreaterThan(5);
    expect(bounds([[0, 5], [1, Number.NaN], [2, 9]], 0, 20)).toEqual([0, 20]);
  });
});

describe('gaps', () => {
  it('break a line where samples are missing', () => {
    const samples: [number, number][] = [[0, 1], [10, 2], [20, 3], [200, 4], [210, 5], [220, Number.NaN], [230, 6]];
    expect(runs(samples).map((run) => run.map(([, value]) => value))).toEqual([[1, 2, 3], [4, 5], [6]]);
    expect(runs([])).toEqual([]);
    expect(runs([[5, 1]])).toEqual([[[5, 1]]]);
  });

  it('have no value', () => {
    const samples: [number, number][] = [[0, 1], [10, 2], [20, 3], [200, 4]];
    expect(valueAt(samples, 13)).toBe(2);
    expect(valueAt(samples, 110)).toBeNaN();
    expect(valueAt([], 5)).toBeNaN();
  });
});

describe('ticks', () => {
  it.each([
    [HOUR, 1200, 5 * MINUTE],
    [15 * MINUTE, 1200, 2 * MINUTE],
    [24 * HOUR, 1200, 2 * HOUR],
    [7 * 24 * HOUR, 1200, 24 * HOUR],
    [10_000, 1200, 1000],
    [1e15, 10, 365 * 24 * HOUR],
  ])('over %s ms in %s px', (span, width, step) => {
    expect(tickStep(span, width)).toBe(step);
  });

  it('stand on round local times within the bounds', () => {
    const from = Date.UTC(2026, 2, 1, 13, 18, 41);
    const found = ticks(from, from + HOUR, 5 * MINUTE);
    expect(found).toHaveLength(12);
    for (const at of found) expect(new Date(at).getMinutes() % 5).toBe(0);
    expect(ticks(0, 1e15, 1000).length).toBeLessThanOrEqual(60);
  });

  it('say what their step needs', () => {
    const at = new Date(2026, 2, 1, 14, 5, 9).getTime();
    expect(tickLabel(at, 5 * MINUTE)).toBe('14:05');
    expect(tickLabel(at, 5000)).toBe('14:05:09');
    expect(tickLabel(at, 48 * HOUR)).toBe('1 Mar');
    expect(tickLabel(new Date(2026, 2, 1).getTime(), 6 * HOUR)).toBe('1 Mar');
  });
});

describe('the timeline', () => {
  const event = (at_ms: number, kind: string): Event => ({ id: at_ms, at_ms, kind, subject: '', label: '', text: '', user: '' });
  const picture = { samples: [[0, 5], [500, 7]] as [number, number][], kind: 'cpu' as const, events: [], from: 0, to: 1000, recordedFrom: null, at: null, hover: null, width: 1004 };

  it('goes from pixels to times and back', () => {
    const frame = frameOf(picture);
    expect(timeAt(frame, xOf(frame, 250))).toBeCloseTo(250);
    expect([timeAt(frame, -50), timeAt(frame, 9999)]).toEqual([0, 1000]);
  });

  it('knows where the record begins', () => {
    const frame = frameOf(picture);
    expect(recordStart(frame, 500)).toBeCloseTo(xOf(frame, 500));
    expect(recordStart(frame, -100)).toBeCloseTo(xOf(frame, 0));
    expect(recordStart(frame, 2000)).toBeCloseTo(xOf(frame, 1000));
    expect(recordStart(frame, null)).toBeCloseTo(xOf(frame, 1000));
  });

  it('finds the mark under the pointer', () => {
    const frame = frameOf(picture);
    const events = [event(100, 'started'), event(108, 'failed')];
    expect(eventAt(frame, events, xOf(frame, 107))?.at_ms).toBe(108);
    expect(eventAt(frame, events, xOf(frame, 300))).toBeNull();
  });

  it('says the kind by the form', () => {
    expect(['started', 'control', 'info', 'stale', 'failed', 'unheard'].map(markShape)).toEqual(['dot', 'dot', 'dot', 'diamond', 'triangle', 'dot']);
  });
});

describe('history', () => {
  const series = (step_ms: number, times: number[], incarnations_ms: number[] = []): HistorySeries => ({
    node: 'n', metric: 'm', label: '', format: '', step_ms,
    points: times.map((t_ms) => ({ t_ms, avg: t_ms / 1000, min: 0, max: t_ms / 500 })),
    incarnations_ms,
  });

  it('breaks the line at every start of an incarnation', () => {
    const [times, means] = columnsOf(series(0, [1000, 2000, 3000, 4000], [500, 2500, 4000]));
    expect(times).toEqual([1, 2, 2.5, 3, 3.5, 4]);
    expect(means).toEqual([1, 2, null, 3, null, 4]);
  });

  it('breaks once where two starts fall together, and where steps are missing', () => {
    expect(columnsOf(series(1000, [1000, 2000, 3000], [2100, 2200]))[1]).toEqual([1, 2, null, 3]);
    expect(columnsOf(series(1000, [1000, 2000, 9000]))[1]).toEqual([1, 2, null, 9]);
    expect(columnsOf(series(0, [1000, 2000, 9000]))[1]).toEqual([1, 2, 9]);
    expect(columnsOf(series(0, []))).toEqual([[], [], [], []]);
  });

  it('keeps times rising, as the chart needs them', () => {
    const [times] = columnsOf(series(1000, [1000, 1001, 60_000], [1001, 30_000, 60_000]));
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });

  it('has a band when points stand for several samples', () => {
    expect(hasBand(series(1000, [1000]))).toBe(true);
    expect(hasBand(series(0, [1000]))).toBe(false);
  });

  it('has room for its values', () => {
    expect(valueRange(3, 10)).toEqual([0, 10.8]);
    expect(valueRange(-10, -2)[0]).toBe(-10);
    expect(valueRange(null, null)[1]).toBeGreaterThan(0);
    expect(valueRange(0, 0)).toEqual([0, 1]);
  });

  it('tints the colours of the tokens', () => {
    expect(withAlpha('#3bb8a2', 0.2)).toBe('rgba(59, 184, 162, 0.2)');
    expect(withAlpha('red', 0.2)).toBe('red');
  });
});
