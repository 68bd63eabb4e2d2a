import { describe, expect, it } from 'vitest';
import { type Anchor, type Curve, curveOf, pointAt, routeOf } from '../curves';
import { aroundNodes } from '../detour';

const anchor = (x: number, y: number): Anchor => ({ x, y, halfWidth: 17, top: 17, foot: 53, stack: 0 });

/** How near the curve comes to the middle of a node, in layout units. */
function clearance(curve: Curve, node: Anchor): number {
  let least = Number.POSITIVE_INFINITY;
  for (let step = 0; step <= 200; step += 1) {
    const [x, y] = pointAt(curve, step / 200);
    least = Math.min(least, Math.hypot(x - node.x, y - node.y));
  }
  return least;
}

function straight(source: Anchor, target: Anchor): Curve {
  return curveOf(source, target, routeOf(source, target), 0, 0);
}

describe('ways around nodes', () => {
  it('pass beside what stands right between, and arrive where they did', () => {
    const [from, between, to] = [anchor(0, 0), anchor(0, 108), anchor(0, 216)];
    const curve = straight(from, to);
    expect(clearance(curve, between)).toBeLessThan(2);
    const around = aroundNodes(curve, from, to, () => [from, between, to]);
    expect(clearance(around, between)).toBeGreaterThan(between.halfWidth + 4);
    expect([...around.slice(0, 2), ...around.slice(-2)]).toEqual([...curve.slice(0, 2), ...curve.slice(-2)]);
  });

  it('take the free side', () => {
    const [from, between, beside, to] = [anchor(0, 0), anchor(0, 108), anchor(56, 108), anchor(0, 216)];
    const around = aroundNodes(straight(from, to), from, to, () => [between, beside]);
    const [x] = pointAt(around, 0.5);
    expect(x).toBeLessThan(-between.halfWidth);
    expect(clearance(around, beside)).toBeGreaterThan(beside.halfWidth + 4);
  });

  it('stay as they are where nothing is in the way, to the next row, and where everything is', () => {
    const [from, next, to] = [anchor(0, 0), anchor(0, 108), anchor(0, 216)];
    const far = straight(from, to);
    expect(aroundNodes(far, from, to, () => [from, to, anchor(200, 108)])).toBe(far);
    const near = straight(from, next);
    expect(aroundNodes(near, from, next, () => [from, next])).toBe(near);
    const wall = Array.from({ length: 11 }, (_, i) => anchor((i - 5) * 30, 108));
    expect(aroundNodes(far, from, to, () => wall)).toBe(far);
  });
});
