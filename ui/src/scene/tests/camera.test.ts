import { describe, expect, it } from 'vitest';
import { between, centreOn, fitTo, keepInView, NO_INSETS, nudgeInto, snapped, toScreen, toWorld, type Viewport, worldRect, zoomAt } from '../camera';
import { bezier, progress } from '../ease';
import { FIT_MAX_ZOOM, MAX_ZOOM, MIN_ZOOM } from '../limits';

const VIEW: Viewport = { width: 800, height: 600, insets: NO_INSETS };
const CONTENT = { x: -50, y: 20, width: 1000, height: 400 };

describe('the camera', () => {
  it('goes to the screen and back', () => {
    const camera = { zoom: 0.7, x: 13, y: -40 };
    const [x, y] = toWorld(camera, ...toScreen(camera, 120, 77));
    expect([x, y].map((v) => Math.round(v * 1e9) / 1e9)).toEqual([120, 77]);
    expect(worldRect({ zoom: 2, x: 10, y: 20 }, { x: 10, y: 20, width: 100, height: 50 })).toEqual({ x: 0, y: 0, width: 50, height: 25 });
  });

  it('keeps the point under the pointer while zooming, and stays within its bounds', () => {
    const camera = { zoom: 1, x: 30, y: 40 };
    const before = toWorld(camera, 333, 222);
    const after = toWorld(zoomAt(camera, 1.7, 333, 222), 333, 222);
    expect(after[0]).toBeCloseTo(before[0]);
    expect(after[1]).toBeCloseTo(before[1]);
    expect(zoomAt(camera, 1e9, 0, 0).zoom).toBe(MAX_ZOOM);
    expect(zoomAt(camera, 1e-9, 0, 0).zoom).toBe(MIN_ZOOM);
    expect(zoomAt(camera, Number.NaN, 0, 0).zoom).toBe(1);
  });

  it('fits content into what tools leave free, in its middle, not magnified much', () => {
    const view = { ...VIEW, insets: { top: 40, right: 0, bottom: 60, left: 100 } };
    const camera = fitTo(CONTENT, view);
    const [left, top] = toScreen(camera, CONTENT.x, CONTENT.y);
    const [right, bottom] = toScreen(camera, CONTENT.x + CONTENT.width, CONTENT.y + CONTENT.height);
    expect(left).toBeGreaterThanOrEqual(100);
    expect(right).toBeLessThanOrEqual(800);
    expect(top).toBeGreaterThanOrEqual(40);
    expect(bottom).toBeLessThanOrEqual(540);
    expect((left + right) / 2).toBeCloseTo(450);
    expect(fitTo({ x: 0, y: 0, width: 10, height: 10 }, VIEW).zoom).toBe(FIT_MAX_ZOOM);
    expect(fitTo({ x: 0, y: 0, width: 0, height: 0 }, { ...VIEW, width: 0, height: 0 }).zoom).toBeGreaterThan(0);
  });

  it('brings back what a smaller view cut off with the least movement', () => {
    const camera = { zoom: 0.5, x: 100, y: 100 };
    const inside = { x: 0, y: 0, width: 600, height: 300 };
    expect(nudgeInto(camera, inside, VIEW)).toEqual(camera);
    const narrow = { ...VIEW, width: 380 };
    expect(nudgeInto(camera, inside, narrow).x).toBeLessThan(100);
    expect(nudgeInto(camera, inside, narrow).y).toBe(100);
  });

  it('never loses the content', () => {
    const lost = keepInView({ zoom: 1, x: 5000, y: -5000 }, CONTENT, VIEW);
    const [left] = toScreen(lost, CONTENT.x, 0);
    const [, bottom] = toScreen(lost, 0, CONTENT.y + CONTENT.height);
    expect(left).toBeLessThan(VIEW.width);
    expect(bottom).toBeGreaterThan(0);
    const fine = { zoom: 1, x: 10, y: 10 };
    expect(keepInView(fine, CONTENT, VIEW)).toBe(fine);
  });

  it('centres on a point, zooming in when it is too far to be read', () => {
    const camera = centreOn({ zoom: 0.1, x: 0, y: 0 }, VIEW, 300, 200, 0.6);
    expect(camera.zoom).toBe(0.6);
    expect(toScreen(camera, 300, 200)).toEqual([400, 300]);
  });

  it('flies from one place to another and arrives exactly', () => {
    const from = { zoom: 0.2, x: 0, y: 0 };
    const to = { zoom: 1.3, x: -400, y: 90 };
    const start = between(from, to, 0, VIEW);
    expect([start.zoom, start.x, start.y].map((v) => Math.round(v * 1e6) / 1e6)).toEqual([0.2, 0, 0]);
    expect(between(from, to, 1, VIEW)).toBe(to);
    const zooms = [0, 0.25, 0.5, 0.75, 1].map((t) => between(from, to, t, VIEW).zoom);
    expect([...zooms].sort((a, b) => a - b)).toEqual(zooms);
  });

  it('keeps the point under a zoom still on the way', () => {
    const from = { zoom: 1, x: 0, y: 0 };
    const to = zoomAt(from, 3, 700, 100);
    const [x, y] = toWorld(between(from, to, 0.4, VIEW), 700, 100);
    expect(x).toBeCloseTo(700);
    expect(y).toBeCloseTo(100);
  });

  it('stands on whole device pixels', () => {
    expect(snapped({ zoom: 1, x: 10.3, y: -4.8 }, 2)).toEqual({ zoom: 1, x: 10.5, y: -5 });
  });
});

describe('easing', () => {
  it('starts, ends and never turns back', () => {
    const ease = bezier(0.2, 0, 0, 1);
    expect([ease(0), ease(1)]).toEqual([0, 1]);
    const values = Array.from({ length: 50 }, (_, i) => ease(i / 49));
    expect([...values].sort((a, b) => a - b)).toEqual(values);
    expect(bezier(0.25, 0.25, 0.75, 0.75)(0.3)).toBeCloseTo(0.3, 4);
  });

  it('counts progress within bounds', () => {
    expect([progress(50, 0, 100), progress(-1, 0, 100), progress(500, 0, 100), progress(5, 5, 0)]).toEqual([0.5, 0, 1, 1]);
  });
});
