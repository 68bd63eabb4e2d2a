/** Levels of detail by zoom: the table of design-language §6. */

/** What is drawn at a zoom. */
export interface Detail {
  /** 0 is the nearest. */
  readonly level: 0 | 1 | 2 | 3 | 4;
  /** Nodes: with glyph, without, as solid marks, or one body per group. */
  readonly nodes: 'full' | 'shape' | 'mark' | 'group';
  /** The value stands in the middle without being asked for. */
  readonly values: boolean;
  /** Labels: both lines, the name of the important ones, or those of groups only. */
  readonly labels: 'both' | 'name' | 'groups';
  readonly edges: 'curve' | 'straight' | 'group';
  /** Length of an arrowhead in CSS px at 100 %; 0 draws none. */
  readonly arrow: number;
}

export const DETAILS: readonly Detail[] = [
  { level: 0, nodes: 'full', values: true, labels: 'both', edges: 'curve', arrow: 6 },
  { level: 1, nodes: 'full', values: false, labels: 'both', edges: 'curve', arrow: 5 },
  { level: 2, nodes: 'shape', values: false, labels: 'name', edges: 'curve', arrow: 0 },
  { level: 3, nodes: 'mark', values: false, labels: 'groups', edges: 'straight', arrow: 0 },
  { level: 4, nodes: 'group', values: false, labels: 'groups', edges: 'group', arrow: 0 },
];

/** Zooms at which the next nearer level begins. */
const BOUNDS = [1.5, 0.6, 0.3, 0.12] as const;

/** What is drawn at a zoom. Without groups there is nothing to gather nodes in, so marks stay. */
export function detailAt(zoom: number, hasGroups: boolean): Detail {
  const found = BOUNDS.findIndex((bound) => zoom >= bound);
  const level = found < 0 ? 4 : found;
  return (DETAILS[level === 4 && !hasGroups ? 3 : level] ?? DETAILS[1]) as Detail;
}

/** Height of labels in CSS px: whole numbers, so that glyphs are cached and lines stay even. */
export function fontPx(zoom: number): number {
  return Math.min(16, Math.max(10, Math.round(11 * Math.min(zoom, 1.4))));
}

/** Side of a solid mark in CSS px; smaller where nodes would run into each other. */
export function markPx(zoom: number): number {
  return Math.max(2, Math.min(8, Math.round(84 * zoom * 0.75)));
}
