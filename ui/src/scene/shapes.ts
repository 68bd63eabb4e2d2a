/**
 * Outlines of nodes as SVG path data around the origin, in CSS px at 100 %.
 * The same data draws the sprites of the map, the legend and the icons of lists.
 */

/** Names that reports give to shapes. */
export type ShapeName =
  | 'circle'
  | 'square'
  | 'triangle'
  | 'dottedtriangle'
  | 'pentagon'
  | 'hexagon'
  | 'heptagon'
  | 'octagon'
  | 'cylinder'
  | 'dottedcylinder'
  | 'sheet'
  | 'cloud';

/** An outline and what surrounds it. */
export interface Shape {
  /** Closed outline. */
  readonly path: string;
  /** Strokes inside the outline, such as a cylinder's lid; may be empty. */
  readonly detail: string;
  /** Extent left and right of the origin. */
  readonly halfWidth: number;
  /** Extent above the origin. */
  readonly top: number;
  /** Extent below the origin. */
  readonly bottom: number;
  /** Where glyph and value are centred. */
  readonly centreY: number;
  /** True when the outline is dotted. */
  readonly dotted: boolean;
}

type Point = readonly [x: number, y: number];

/** Radius of a polygon's corners. */
const CORNER = 4;

/** Offset of the copies behind a stack, right and up each, in CSS px at 100 %. */
export const STACK_STEP = 3.5;

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** A closed polygon, clockwise, with corners rounded by `radius`. */
export function roundedPolygon(points: readonly Point[], radius: number): string {
  const parts = points.map((point, i) => {
    const [x, y] = point;
    const [px, py] = points.at(i - 1) ?? point;
    const [qx, qy] = points[(i + 1) % points.length] ?? point;
    const before = Math.hypot(px - x, py - y);
    const after = Math.hypot(qx - x, qy - y);
    const half = Math.acos(((px - x) * (qx - x) + (py - y) * (qy - y)) / (before * after)) / 2;
    const cut = Math.min(radius / Math.tan(half), before / 2, after / 2);
    const r = short(cut * Math.tan(half));
    const from = `${short(x + ((px - x) / before) * cut)} ${short(y + ((py - y) / before) * cut)}`;
    const to = `${short(x + ((qx - x) / after) * cut)} ${short(y + ((qy - y) / after) * cut)}`;
    return `${i === 0 ? 'M' : 'L'}${from}A${r} ${r} 0 0 1 ${to}`;
  });
  return `${parts.join('')}Z`;
}

function plain(path: string, halfWidth: number, top: number, bottom: number): Shape {
  return { path, detail: '', halfWidth, top, bottom, centreY: 0, dotted: false };
}

/** A regular polygon with a point up; octagons stand on a side. */
function regular(sides: number, radius: number): Shape {
  const turn = sides === 8 ? Math.PI / 8 : 0;
  const points = Array.from({ length: sides }, (_, i): Point => {
    const angle = turn - Math.PI / 2 + (i * 2 * Math.PI) / sides;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  const ys = points.map((p) => p[1]);
  const halfWidth = Math.max(...points.map((p) => p[0]));
  return plain(roundedPolygon(points, CORNER), halfWidth, -Math.min(...ys), Math.max(...ys));
}

function square(side: number, radius: number): Shape {
  const h = side / 2;
  return plain(roundedPolygon([[-h, -h], [h, -h], [h, h], [-h, h]], radius), h, h, h);
}

/** Lowered so that its middle, not its circumcentre, stands at the origin. */
function triangle(radius: number): Shape {
  const drop = radius * 0.2;
  const points = [0, 1, 2].map((i): Point => {
    const angle = -Math.PI / 2 + (i * 2 * Math.PI) / 3;
    return [radius * Math.cos(angle), radius * Math.sin(angle) + drop];
  });
  return { ...plain(roundedPolygon(points, CORNER), radius * 0.87, radius * 0.8, radius * 0.7), centreY: drop };
}

function cylinder(): Shape {
  const path = 'M-17 -14A17 5 0 0 1 17 -14V14A17 5 0 0 1 -17 14Z';
  return { ...plain(path, 17, 19, 19), detail: 'M-17 -14A17 5 0 0 0 17 -14', centreY: 3 };
}

function sheet(): Shape {
  const path = 'M-12 -18H6L15 -9V15A3 3 0 0 1 12 18H-12A3 3 0 0 1 -15 15V-15A3 3 0 0 1 -12 -18Z';
  return { ...plain(path, 15, 18, 18), detail: 'M6 -18V-9H15', centreY: 2 };
}

/** Two lobes and a crown over a flat foot. */
function cloud(): Shape {
  const path = 'M-18.2 17.5A11.4 11.4 0 0 1 -18.2 -5.3H-16.2A17.2 17.2 0 0 1 16.4 -6.5H17.8A12 12 0 0 1 17.8 17.5Z';
  return { ...plain(path, 29.7, 18, 17.5), centreY: 3.5 };
}

const TRIANGLE = triangle(22);
const CYLINDER = cylinder();

/** Every shape by its name. */
export const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  circle: plain('M-20 0A20 20 0 1 1 20 0A20 20 0 1 1 -20 0Z', 20, 20, 20),
  square: square(34, 5),
  triangle: TRIANGLE,
  dottedtriangle: { ...TRIANGLE, dotted: true },
  pentagon: regular(5, 20),
  hexagon: regular(6, 21),
  heptagon: regular(7, 20),
  octagon: regular(8, 20),
  cylinder: CYLINDER,
  dottedcylinder: { ...CYLINDER, dotted: true },
  sheet: sheet(),
  cloud: cloud(),
};

/** The shape of a report's name; a circle for a name that is not known. */
export function shapeName(name: string): ShapeName {
  return Object.hasOwn(SHAPES, name) ? (name as ShapeName) : 'circle';
}
