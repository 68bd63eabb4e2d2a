import { describe, expect, it } from 'vitest';
import { SpatialGrid } from '../grid';
import { SceneModel } from '../model';
import { intersection, outward, overlaps, union } from '../rects';
import { nearestNode, nextNode, nodeAt } from '../walk';
import { random } from '../dev/synthetic';
import { edge, node } from './make';

describe('the grid', () => {
  it('finds every point of a rectangle, as looking at all of them does', () => {
    const next = random(3);
    const grid = new SpatialGrid<{ x: number; y: number }>();
    const points = Array.from({ length: 500 }, () => ({ x: next() * 8000 - 4000, y: next() * 8000 - 4000 }));
    for (const point of points) grid.add(point);
    for (const [i, point] of points.entries()) {
      if (i % 3 === 0) {
        point.x += next() * 2000;
        grid.move(point);
      }
      if (i % 7 === 0) grid.remove(point);
    }
    const left = points.filter((_, i) => i % 7 !== 0);
    expect(grid.size).toBe(left.length);
    for (let tries = 0; tries < 60; tries++) {
      const size = tries % 2 === 0 ? 300 : 20_000;
      const rect = { x: next() * 8000 - 4000, y: next() * 8000 - 4000, width: next() * size, height: next() * size };
      const inside = (p: { x: number; y: number }): boolean => p.x >= rect.x && p.x <= rect.x + rect.width && p.y >= rect.y && p.y <= rect.y + rect.height;
      expect(new Set(grid.query(rect).filter(inside))).toEqual(new Set(left.filter(inside)));
    }
  });
});

describe('rectangles', () => {
  const a = { x: 0, y: 0, width: 10, height: 10 };
  it.each([
    [{ x: 5, y: 5, width: 10, height: 10 }, true, { x: 5, y: 5, width: 5, height: 5 }, { x: 0, y: 0, width: 15, height: 15 }],
    [{ x: 10, y: 0, width: 5, height: 5 }, false, null, { x: 0, y: 0, width: 15, height: 10 }],
  ])('meet %#', (b, meets, common, both) => {
    expect(overlaps(a, b)).toBe(meets);
    expect(intersection(a, b)).toEqual(common);
    expect(union(a, b)).toEqual(both);
  });

  it('grow to whole device pixels', () => {
    expect(outward({ x: 0.3, y: 1.6, width: 1, height: 1 }, 2)).toEqual({ x: 0, y: 1.5, width: 1.5, height: 1.5 });
  });
});

describe('what is under a point', () => {
  const scene = new SceneModel();
  scene.replace([node('a', 0, 0, { label_minor: 'm' }), node('b', 112, 0, { shape: 'square', stack: true }), node('c', 0, 104)], [], [], []);
  const cases: [string, number, number, number, boolean, string | null][] = [
    ['the middle of a body', 3, -5, 1, true, 'a'],
    ['the label under it', 20, 40, 1, true, 'a'],
    ['the label, when there is none', 20, 40, 1, false, null],
    ['a stack behind', 132, -20, 1, true, 'b'],
    ['nothing between', 56, 0, 1, true, null],
    ['a mark far out has some slack', 40, 0, 0.2, false, 'a'],
    ['the nearer of two within reach', 70, 0, 0.15, false, 'b'],
  ];
  it.each(cases)('is %s', (_, x, y, zoom, labels, id) => {
    expect(nodeAt(scene, x, y, zoom, labels)?.id ?? null).toBe(id);
  });
});

describe('walking', () => {
  const scene = new SceneModel();
  scene.replace(
    [node('mid', 0, 0), node('near', 100, 0), node('far', 300, 10), node('below', 20, 110), node('left', -90, 40), node('corner', -200, -150)],
    [edge('mid', 'far'), edge('below', 'mid')],
    [],
    [],
  );
  const get = (id: string): never => scene.nodes.get(id) as never;
  it.each([
    ['mid', 'right', 'far'],
    ['mid', 'down', 'below'],
    ['mid', 'left', 'left'],
    ['near', 'right', 'far'],
    ['far', 'right', null],
    ['below', 'up', 'mid'],
  ] as const)('from %s %s', (from, direction, to) => {
    expect(nextNode(scene, get(from), direction)?.id ?? null).toBe(to);
  });

  it('starts nearest to the middle', () => {
    expect(nearestNode(scene, 90, 5)?.id).toBe('near');
    expect(nearestNode(new SceneModel(), 0, 0)).toBeNull();
  });
});
