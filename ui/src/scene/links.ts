/** Edges between groups, for far out where those between nodes could not be read. */

import type { SceneModel } from './model';
import type { SceneGroup, SceneNode } from './nodes';

/** A body that stands for nodes while far out: a box, or a node that stands in none. */
export type Body = SceneGroup | SceneNode;

export interface GroupLink {
  readonly source: Body;
  readonly target: Body;
  /** Edges either way it stands for. */
  count: number;
}

/** Boxes narrower than this on screen are drawn as part of the box around them, in CSS px. */
const LEAST_BODY_PX = 44;

/** The box that stands for a node at a depth; the node itself when it is in none. */
export function bodyOf(node: SceneNode, depth: number): Body {
  let group = node.group;
  if (!group) return node;
  while (group.depth > depth && group.parent) group = group.parent;
  return group;
}

/** The innermost nesting whose boxes are wide enough at a zoom to stand for their nodes. */
export function bodyDepth(groups: readonly SceneGroup[], zoom: number): number {
  let deepest = 1;
  for (const group of groups) deepest = Math.max(deepest, group.depth);
  for (let depth = deepest; depth > 1; depth--) {
    const widths = groups.filter((group) => group.depth === depth).map((group) => Math.min(group.width, group.height) * zoom);
    widths.sort((a, b) => a - b);
    if ((widths[Math.floor(widths.length / 2)] ?? 0) >= LEAST_BODY_PX) return depth;
  }
  return 1;
}

/** Links between bodies, made once per structure and depth. */
export class LinkCache {
  #key = '';
  #links: GroupLink[] = [];

  links(model: SceneModel, depth: number): readonly GroupLink[] {
    const key = `${model.structure} ${depth}`;
    if (key !== this.#key) {
      this.#key = key;
      this.#links = gather(model, depth);
    }
    return this.#links;
  }
}

function gather(model: SceneModel, depth: number): GroupLink[] {
  const bySource = new Map<Body, Map<Body, GroupLink>>();
  const links: GroupLink[] = [];
  for (const edge of model.edges.values()) {
    const a = bodyOf(edge.source, depth);
    const b = bodyOf(edge.target, depth);
    if (a === b) continue;
    // Both directions are one line: far out, who began is not told.
    const [source, target] = a.id < b.id ? [a, b] : [b, a];
    let targets = bySource.get(source);
    if (!targets) {
      targets = new Map();
      bySource.set(source, targets);
    }
    const known = targets.get(target);
    if (known) known.count++;
    else {
      const link: GroupLink = { source, target, count: 1 };
      targets.set(target, link);
      links.push(link);
    }
  }
  return links.sort((a, b) => a.count - b.count);
}

/** Width of a link in CSS px: 1 to 4 by its count. */
export function linkWidth(count: number): number {
  return Math.min(4, 1 + Math.log2(count) * 0.5);
}

export function isBox(body: Body): body is SceneGroup {
  return 'facts' in body;
}

/** Middle of a body. */
export function middle(body: Body): [number, number] {
  return isBox(body) ? [body.x + body.width / 2, body.y + body.height / 2] : [body.x, body.y];
}

/** Where the line from a body's middle to a point leaves its box. */
export function border(body: Body, x: number, y: number): [number, number] {
  const [cx, cy] = middle(body);
  if (!isBox(body)) return [cx, cy];
  const dx = x - cx;
  const dy = y - cy;
  if (dx === 0 && dy === 0) return [cx, cy];
  const scale = Math.min(body.width / 2 / Math.max(1e-6, Math.abs(dx)), body.height / 2 / Math.max(1e-6, Math.abs(dy)));
  return scale >= 1 ? [cx, cy] : [cx + dx * scale, cy + dy * scale];
}
