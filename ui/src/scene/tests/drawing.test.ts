/// <reference types="node" />
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arrival, type Anchor, curveOf, pointAt, routeOf, spread, START_SPREAD } from '../curves';
import { GLYPHS, type GlyphName, guessGlyph } from '../glyphs';
import { labelLimit, Occupancy } from '../labels';
import { bodyDepth, bodyOf, border, LinkCache, linkWidth } from '../links';
import { detailAt, fontPx, markPx } from '../lod';
import { SceneModel } from '../model';
import { roundedPolygon, SHAPES, shapeName } from '../shapes';
import { filled, levelRows } from '../sprites';
import { cachedWidths, ellipsize, textWidth } from '../text';
import { kindClass, readTheme, surfaceOf } from '../theme';
import { edge, group, node } from './make';

// Stylesheets are empty modules under test, so the file itself is read.
const tokens = readFileSync('src/styles/tokens.css', 'utf8');

function property(theme: 'dark' | 'light'): (name: string) => string {
  const block = tokens.slice(tokens.indexOf(`[data-theme='${theme}']`));
  return (name) => new RegExp(`${name}: ([^;]+);`).exec(name === '--sans' ? tokens : block)?.[1] ?? '';
}

describe('levels of detail', () => {
  it.each([
    [2, 'full', true, 'both', 'curve', 6],
    [1, 'full', false, 'both', 'curve', 5],
    [0.6, 'full', false, 'both', 'curve', 5],
    [0.45, 'shape', false, 'name', 'curve', 0],
    [0.2, 'mark', false, 'groups', 'straight', 0],
    [0.05, 'group', false, 'groups', 'group', 0],
  ] as const)('at %s', (zoom, nodes, values, labels, edges, arrow) => {
    expect(detailAt(zoom, true)).toMatchObject({ nodes, values, labels, edges, arrow });
  });

  it('keeps marks where there is no box to gather them in', () => {
    expect(detailAt(0.05, false).nodes).toBe('mark');
  });

  it('has whole letters that stay readable, and marks that never run together', () => {
    for (let zoom = 0.02; zoom < 4; zoom *= 1.1) {
      expect(Number.isInteger(fontPx(zoom))).toBe(true);
      expect(fontPx(zoom)).toBeGreaterThanOrEqual(10);
      expect(markPx(zoom)).toBeLessThanOrEqual(Math.max(2, 84 * zoom));
    }
    expect(fontPx(1)).toBe(11);
    expect(markPx(0.2)).toBe(8);
  });
});

describe('edges', () => {
  const at = (x: number, y: number): Anchor => ({ x, y, halfWidth: 18, top: 21, foot: 54, stack: 0 });
  it.each([
    ['the next row, below', 40, 104, 'foot', 'top'],
    ['beside', 200, 10, 'right', 'left'],
    ['beside, to the left', -200, -10, 'left', 'right'],
    ['the next row, far aside', 400, 104, 'foot', 'left'],
    ['two rows down, aside', 160, 208, 'right', 'top'],
    ['two rows down, straight', 10, 208, 'foot', 'top'],
    ['the row above', -40, -104, 'top', 'foot'],
    ['far above', 120, -300, 'right', 'foot'],
  ] as const)('to %s', (_, x, y, from, to) => {
    expect(routeOf(at(0, 0), at(x, y))).toEqual({ from, to });
  });

  it('leave below the label and arrive above the shape, pointing down', () => {
    const source = at(0, 0);
    const target = at(40, 120);
    const curve = curveOf(source, target, routeOf(source, target), -6, 4);
    expect(curve.slice(0, 2)).toEqual([-6, 54]);
    expect(curve.slice(6)).toEqual([44, 120 - 21 - 4]);
    const [dx, dy] = arrival(curve);
    expect(dx).toBeCloseTo(0);
    expect(dy).toBeCloseTo(1);
  });

  it('bow between neighbours by 11 % of their length, 34 at most', () => {
    for (const length of [100, 200, 2000]) {
      const source = at(0, 0);
      const target = at(length, 0);
      const curve = curveOf(source, target, { from: 'right', to: 'left' }, 0, 0);
      const straight = (curve[1] + curve[7]) / 2;
      const [, y] = pointAt(curve, 0.5);
      const span = curve[6] - curve[0];
      expect(straight - y).toBeCloseTo(Math.min(34, span * 0.11) / 2, 0);
    }
  });

  it('take the lane between boxes when there is one', () => {
    const source = at(0, 0);
    const target = at(60, -400);
    const curve = curveOf(source, target, { from: 'right', to: 'foot' }, 0, 0, 70);
    expect(pointAt(curve, 0.5)[0]).toBeCloseTo(70, 0);
  });

  it('are finite wherever their ends are', () => {
    for (const [x, y] of [[0, 0], [1e6, -1e6], [0.001, 300], [-5, 45.9]] as const) {
      const source = at(0, 0);
      const target = at(x, y);
      for (const end of curveOf(source, target, routeOf(source, target), 0, 0)) expect(Number.isFinite(end)).toBe(true);
      for (const part of arrival(curveOf(source, source, { from: 'right', to: 'left' }, 0, 0))) expect(Number.isFinite(part)).toBe(true);
    }
  });

  it('spread their ends evenly, as far as there is room', () => {
    expect(spread(1, START_SPREAD)).toEqual([0]);
    expect(spread(3, START_SPREAD)).toEqual([-13, 0, 13]);
    const many = spread(40, START_SPREAD);
    expect(Math.max(...many)).toBeCloseTo(18);
    expect(Math.min(...many)).toBeCloseTo(-18);
    expect(spread(0, START_SPREAD)).toEqual([]);
  });
});

describe('labels', () => {
  const six = (): number => 6;
  it.each([
    ['shop-api', 60, 'shop-api'],
    ['shop-worker-1', 60, 'shop-work…'],
    ['shop- worker', 42, 'shop-…'],
    ['x', 1, 'x…'],
    ['', 10, ''],
    ['päckchen 🎁🎁', 60, 'päckchen…'],
  ])('of %j within %s px', (text, limit, shown) => {
    expect(ellipsize(text, limit, six)).toBe(shown);
  });

  it('measure every character once', () => {
    let asked = 0;
    const width = cachedWidths(() => {
      asked += 1;
      return 5;
    });
    expect(textWidth('banana', width)).toBe(30);
    expect(asked).toBe(3);
  });

  it('have two and a half widths of the node at 100 %, and what is free below', () => {
    const scene = new SceneModel();
    scene.replace([node('a')], [], [], []);
    const a = scene.nodes.get('a') as never;
    expect(labelLimit(a, 1000, 1)).toBeCloseTo(2.5 * 2 * 18.19 + 4, 0);
    expect(labelLimit(a, 112, 0.6)).toBeGreaterThan(labelLimit(a, 60, 0.6));
  });

  it('never share a place', () => {
    const plane = new Occupancy({ x: -100, y: -50, width: 400, height: 200 });
    expect(plane.claim(0, 0, 60, 14)).toBe(true);
    expect(plane.claim(30, 3, 60, 14)).toBe(false);
    expect(plane.claim(30, 40, 60, 14)).toBe(true);
    expect(plane.claim(-80, 0, 60, 14)).toBe(true);
    expect(plane.claim(-101, 0, 60, 14)).toBe(false);
    expect(plane.claim(280, 0, 60, 14)).toBe(false);
    const huge = new Occupancy({ x: 0, y: 0, width: 1e7, height: 1e7 });
    expect([huge.claim(5e6, 5e6, 60, 14), huge.claim(5e6, 5e6, 60, 14)]).toEqual([true, false]);
  });
});

describe('groups far out', () => {
  const scene = new SceneModel();
  scene.replace(
    [node('a', 50, 50, { group: 'h1/u' }), node('b', 60, 50, { group: 'h1/u' }), node('c', 650, 50, { group: 'h2' }), node('d', 0, -100)],
    [edge('a', 'c'), edge('b', 'c'), edge('c', 'a'), edge('a', 'b'), edge('a', 'd')],
    [group('h1', null, 0, 0, 500, 400), group('h1/u', 'h1', 10, 30, 300, 200), group('h2', null, 600, 0, 300, 300)],
    [],
  );
  const get = (id: string): never => scene.nodes.get(id) as never;

  it('stand for their nodes at a depth', () => {
    expect(bodyOf(get('a'), 1).id).toBe('h1');
    expect(bodyOf(get('a'), 2).id).toBe('h1/u');
    expect(bodyOf(get('c'), 2).id).toBe('h2');
    expect(bodyOf(get('d'), 1).id).toBe('d');
    expect(bodyDepth(scene.groups, 1)).toBe(2);
    expect(bodyDepth(scene.groups, 0.1)).toBe(1);
  });

  it('are linked with the count of what runs between them, either way', () => {
    const links = new LinkCache().links(scene, 1);
    expect(links.map((link) => [link.source.id, link.target.id, link.count])).toEqual([['d', 'h1', 1], ['h1', 'h2', 3]]);
    expect([1, 4, 1000].map(linkWidth)).toEqual([1, 2, 4]);
  });

  it('let their links begin at the border', () => {
    expect(border(bodyOf(get('c'), 1), 0, 150)).toEqual([600, 150]);
    expect(border(get('d'), 5, 5)).toEqual([0, -100]);
  });
});

describe('glyphs', () => {
  it.each([
    ['postgres', 'container', 'database'],
    ['pg-replica', 'container', 'database'],
    ['redis', 'container', 'bolt'],
    ['shop-web', 'container', 'branch'],
    ['nginx: worker process', 'process', 'branch'],
    ['shop-cron', 'container', 'clock'],
    ['shop-api-1', 'container', 'code'],
    ['shop-worker-1', 'container', 'gear'],
    ['mailpit', 'container', 'mail'],
    ['sshd', 'process', 'lock'],
    ['firefox', 'group:process:name', 'globe'],
    ['prometheus', 'container', 'chart'],
    ['systemd-journald', 'process', 'list'],
    ['dockerd', 'process', 'box'],
    ['kitty', 'process', 'terminal'],
    ['[kworker/0:1]', 'process', 'chip'],
    ['zzz', 'container', 'box'],
    ['zzz', 'process', 'gear'],
    ['zzz', 'host', 'server'],
  ] as [string, string, GlyphName][])('of %s (%s)', (label, kind, glyph) => {
    expect(guessGlyph([label, '', ''], kind)).toBe(glyph);
  });

  it('come from the image when the name says nothing, and from outside for what is outside', () => {
    expect(guessGlyph(['zzz', 'library/redis', ''], 'container')).toBe('bolt');
    expect(guessGlyph(['The Internet'], 'pseudo', true)).toBe('globe');
  });

  it('stay within their box', () => {
    for (const d of Object.values(GLYPHS)) {
      for (const [, x, y] of d.matchAll(/[ML]\s*(-?[\d.]+)[ ,](-?[\d.]+)/g)) {
        expect(Number(x)).toBeGreaterThanOrEqual(1.9);
        expect(Number(x)).toBeLessThanOrEqual(14.1);
        expect(Number(y)).toBeGreaterThanOrEqual(1.9);
        expect(Number(y)).toBeLessThanOrEqual(14.1);
      }
    }
  });
});

describe('shapes and colours', () => {
  it('have the sizes of the design', () => {
    expect([SHAPES.square.halfWidth, SHAPES.hexagon.top, SHAPES.heptagon.top, SHAPES.circle.halfWidth]).toEqual([17, 21, 20, 20]);
    expect(SHAPES.hexagon.halfWidth).toBeCloseTo(18.19, 1);
    expect(shapeName('dottedcylinder')).toBe('dottedcylinder');
    expect(['', 'constructor', 'blob'].map(shapeName)).toEqual(['circle', 'circle', 'circle']);
    expect(roundedPolygon([[0, 0], [10, 0], [10, 10]], 0)).not.toContain('NaN');
  });

  it('fill from the bottom, and tell zero from nothing', () => {
    expect(filled(0)).toBeCloseTo(0.06);
    expect(filled(1)).toBe(1);
    expect(levelRows('square', Number.NaN, 1)).toBe(-1);
    expect([0, 0.5, 1].map((level) => levelRows('square', level, 1))).toEqual([2, 18, 34]);
  });

  it.each([
    ['process', 'process'],
    ['group:process:name', 'process'],
    ['container_image', 'container'],
    ['group:container:hostname', 'container'],
    ['swarm_service', 'container'],
    ['service', 'pod'],
    ['daemon_set', 'pod'],
    ['host', 'host'],
    ['overlay', 'host'],
    ['unheard_of', 'outside'],
  ])('of kind %s are those of %s', (kind, hue) => {
    expect(kindClass(kind)).toBe(hue);
    expect(kindClass(kind, true)).toBe('outside');
  });

  it.each(['dark', 'light'] as const)('are all in the design tokens (%s)', (name) => {
    const theme = readTheme(name, property(name));
    const flat = (value: unknown): unknown[] => (typeof value === 'object' && value !== null ? Object.values(value).flatMap(flat) : [value]);
    for (const value of flat(theme)) expect(value).not.toBe('');
    expect(theme.fillAlpha).toBe(name === 'dark' ? 0.42 : 0.3);
    expect([0, 1, 2, 3].map((depth) => surfaceOf(theme, depth))).toEqual([theme.map, theme.box, theme.box2, theme.box2]);
  });
});
