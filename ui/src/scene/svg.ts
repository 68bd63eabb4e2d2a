/** The map as a vector drawing: what a document or a wall wants, in any size. */

import { arrival } from './curves';
import { GLYPHS } from './glyphs';
import type { SceneModel } from './model';
import { glyphOf, isGone, markOf, type SceneEdge, type SceneGroup, type SceneNode, shapeOf } from './nodes';
import { STACK_STEP } from './shapes';
import { ellipsize } from './text';
import { surfaceOf, type Theme } from './theme';

export interface SvgOptions {
  readonly theme: Theme;
  /** What is not marked is drawn grey, because another moment is compared. */
  readonly comparing: boolean;
  /** Read out in place of the drawing. */
  readonly title: string;
}

/** Free space around the content, in CSS px at 100 %. */
const MARGIN = 24;
/** Mean width of a letter of a label, in CSS px; nothing measures text here. */
const LETTER = 6.2;
/** Widest label, in CSS px. */
const LABEL = 104;
const FIRST_BASELINE = 14;
const LINE = 14;
const ARROW = 5;
const WIDTHS = [1.1, 1.4, 1.9] as const;
const LEVEL_FLOOR = 0.06;

/** Text of reports as text of XML: nothing in it is markup, and what XML has no place for is left out. */
export function xmlText(text: string): string {
  const marks: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '').replace(/[&<>"]/g, (mark) => marks[mark] ?? '');
}

function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** All of the map at 100 %, in a frame of its own size. */
export function mapSvg(model: SceneModel, options: SvgOptions): string {
  const { theme, title } = options;
  const { x, y, width, height } = model.bounds;
  const view = [x - MARGIN, y - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN].map(n);
  const edges = [...model.edges.values()].sort((a, b) => order(a) - order(b));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${view.join(' ')}" width="${view[2]}" height="${view[3]}" font-family="${xmlText(theme.sans)}" font-size="11">`,
    `<title>${xmlText(title)}</title>`,
    `<rect x="${view[0]}" y="${view[1]}" width="${view[2]}" height="${view[3]}" fill="${theme.map}"/>`,
    ...clips(model),
    ...model.groups.map((group) => box(group, theme)),
    ...edges.map((edge) => line(edge, model, options)),
    ...model.groups.map((group) => boxLabel(group, theme)),
    ...[...model.nodes.values()].map((node) => body(node, model, options)),
    '</svg>',
    '',
  ].join('\n');
}

function box(group: SceneGroup, theme: Theme): string {
  const { x, y, width, height, depth } = group;
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="${depth === 1 ? 12 : 8}" fill="${surfaceOf(theme, depth)}" stroke="${theme.line}"/>`;
}

function boxLabel(group: SceneGroup, theme: Theme): string {
  const outer = group.depth === 1;
  const name = ellipsize(group.label, group.width - 24, () => LETTER);
  const facts = group.facts === '' ? '' : `<tspan dx="8" font-weight="400" fill="${theme.t3}">${xmlText(group.facts)}</tspan>`;
  return `<text x="${n(group.x + 12)}" y="${n(group.y + (outer ? 19.5 : 17))}" font-weight="${outer ? 600 : 500}" fill="${outer ? theme.t1 : theme.t3}">${xmlText(name)}${facts}</text>`;
}

/** What stands out is drawn last. */
function order(edge: SceneEdge): number {
  return (edge.high ? 2 : 0) + (edge.mark ? 1 : 0) - edge.dim;
}

function line(edge: SceneEdge, model: SceneModel, { theme, comparing }: SvgOptions): string {
  const curve = model.curve(edge);
  const [dx, dy] = arrival(curve);
  const [x0, y0, x1, y1, x2, y2, x3, y3] = curve;
  const marked = edge.mark === 'gone' || edge.mark === 'added' ? edge.mark : null;
  const colour = marked ? theme.mark[marked] : edge.high ? theme.edgeHigh : theme.edge;
  const alpha = (1 - edge.dim * (1 - theme.dimEdge)) * (comparing && !marked ? 0.6 : 1);
  const dash = marked === 'gone' ? ' stroke-dasharray="4 4"' : '';
  const back = [x3 - dx * ARROW * 1.1, y3 - dy * ARROW * 1.1] as const;
  const side = ARROW * 0.48;
  const head = `M${n(x3)} ${n(y3)}L${n(back[0] - dy * side)} ${n(back[1] + dx * side)}L${n(back[0] + dy * side)} ${n(back[1] - dx * side)}Z`;
  const end = `${n(x3 - dx * ARROW * 0.8)} ${n(y3 - dy * ARROW * 0.8)}`;
  return `<g opacity="${n(alpha)}"><path d="M${n(x0)} ${n(y0)}C${n(x1)} ${n(y1)} ${n(x2)} ${n(y2)} ${end}" fill="none" stroke="${colour}" stroke-width="${WIDTHS[edge.weight]}"${dash}/><path d="${head}" fill="${colour}"/></g>`;
}

function body(node: SceneNode, model: SceneModel, { theme, comparing }: SvgOptions): string {
  const shape = shapeOf(node);
  const mark = markOf(node);
  const gone = isGone(mark);
  const unchanged = comparing && mark === null;
  const colour = mark ? theme.mark[mark] : unchanged ? theme.t3 : theme.kind[node.kind];
  const dash = gone ? ' stroke-dasharray="4 3"' : shape.dotted ? ' stroke-dasharray="1.6 2.6"' : '';
  const outline = `stroke="${colour}" stroke-linejoin="round"`;
  const copies = node.stackOf ? [2, 1].map((step) => `<path transform="translate(${n(step * STACK_STEP)} ${n(-step * STACK_STEP)})" d="${shape.path}" fill="${theme.node}" ${outline} stroke-width="1.1"/>`) : [];
  const level = gone || Number.isNaN(node.level) ? [] : [fill(node, unchanged ? theme.t3 : theme.metric[model.fill.kind], theme)];
  const glyph = GLYPHS[glyphOf(node)];
  return [
    `<g transform="translate(${n(node.targetX)} ${n(node.targetY)})" opacity="${n(1 - node.dim * (1 - theme.dimBody))}">`,
    `<path d="${shape.path}" fill="${surfaceOf(theme, node.depth)}" stroke="${surfaceOf(theme, node.depth)}" stroke-width="7" stroke-linejoin="round"/>`,
    ...copies,
    `<path d="${shape.path}" fill="${theme.node}"/>`,
    ...level,
    `<path d="${shape.path}${shape.detail}" fill="none" ${outline} stroke-width="${mark ? 2 : 1.5}"${dash}/>`,
    `<path transform="translate(-8 ${n(shape.centreY - 8)})" d="${glyph}" fill="none" stroke="${theme.glyph}" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round"/>`,
    ...label(node, theme, mark ? theme.mark[mark] : theme.t3, gone),
    '</g>',
  ].join('');
}

/** One for each shape: it goes by the coordinates of whoever is cut. */
function clips(model: SceneModel): string[] {
  const shapes = new Map([...model.nodes.values()].map((node) => [node.shape, shapeOf(node).path]));
  return [...shapes].map(([name, path]) => `<clipPath id="clip-${name}"><path d="${path}"/></clipPath>`);
}

/** The level: a tint, and a line that is the reading. The shape itself cuts it. */
function fill(node: SceneNode, colour: string, theme: Theme): string {
  const shape = shapeOf(node);
  const height = (LEVEL_FLOOR + (1 - LEVEL_FLOOR) * Math.min(1, Math.max(0, node.level))) * (shape.top + shape.bottom);
  const top = n(shape.bottom - height);
  const x = n(-shape.halfWidth);
  const width = n(2 * shape.halfWidth);
  return `<g clip-path="url(#clip-${node.shape})"><rect x="${x}" y="${top}" width="${width}" height="${n(height)}" fill="${colour}" fill-opacity="${n(theme.fillAlpha)}"/><rect x="${x}" y="${top}" width="${width}" height="1.2" fill="${colour}"/></g>`;
}

function label(node: SceneNode, theme: Theme, minorColour: string, gone: boolean): string[] {
  const first = shapeOf(node).bottom + FIRST_BASELINE;
  const fit = (text: string): string => xmlText(ellipsize(text, LABEL, () => LETTER));
  const minor = node.mark && node.mark.text !== '' ? node.mark.text : node.minor;
  const halo = `paint-order="stroke" stroke="${surfaceOf(theme, node.depth)}" stroke-width="4" stroke-linejoin="round" text-anchor="middle"`;
  const lines = [`<text y="${n(first)}" font-weight="600" fill="${theme.t1}" ${halo}${gone ? ' text-decoration="line-through"' : ''}>${fit(node.label)}</text>`];
  if (minor !== '') lines.push(`<text y="${n(first + LINE)}" fill="${minorColour}" ${halo}>${fit(minor)}</text>`);
  return lines;
}
