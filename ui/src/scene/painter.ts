/** Paints the map, or any part of it, onto a canvas. */

import { type Camera, type Rect, worldRect } from './camera';
import { Fonts } from './fonts';
import { type Frame, inPixels } from './frame';
import { NamePlan } from './labels';
import { MAX_FAR_EDGES } from './limits';
import { bodyDepth, LinkCache } from './links';
import { type Detail, detailAt } from './lod';
import type { Highlight } from './look';
import type { SceneModel } from './model';
import type { SceneNode } from './nodes';
import { bodyReach } from './nodes';
import { paintBoxes, paintBoxLabels } from './paint-boxes';
import { edgesIn, paintEdges, paintRates, shortOnes } from './paint-edges';
import { paintBodies, paintBodyLabels, paintLinks } from './paint-groups';
import { paintLabels } from './paint-labels';
import { paintNodes } from './paint-nodes';
import { NodeSprites } from './sprites';
import { union } from './rects';
import type { Theme } from './theme';

/** What there is to paint, and how. */
export interface Picture {
  readonly model: SceneModel;
  readonly highlight: Highlight;
  readonly theme: Theme;
  readonly camera: Camera;
  readonly dpr: number;
  readonly now: number;
  /** Nodes that left and are still shown. */
  readonly ghosts: Iterable<SceneNode>;
  readonly comparing: boolean;
}

/** Space around the painted part in which nodes are looked for: the widest label reaches in from there, in CSS px. */
const LABEL_REACH_PX = 210;

export class Painter {
  readonly fonts = new Fonts();
  readonly #sprites: NodeSprites;
  readonly #plan = new NamePlan();
  readonly #links = new LinkCache();
  #theme: Theme;

  constructor(theme: Theme) {
    this.#theme = theme;
    this.#sprites = new NodeSprites(theme);
    this.fonts.reset(theme.sans);
  }

  /** Forgets measured text, because fonts have arrived. */
  fontsChanged(): void {
    this.fonts.reset(this.#theme.sans);
  }

  /** Paints what lies in any of the `parts` (CSS px); the rest of the canvas stays. */
  paint(ctx: CanvasRenderingContext2D, picture: Picture, parts: readonly Rect[]): void {
    const frame = this.#frame(ctx, picture, parts.reduce(union));
    const { detail, dpr } = frame;
    ctx.save();
    inPixels(frame);
    ctx.beginPath();
    for (const { x, y, width, height } of parts) ctx.rect(x * dpr, y * dpr, width * dpr, height * dpr);
    ctx.clip();
    ctx.fillStyle = frame.theme.map;
    ctx.fill();
    paintBoxes(frame);
    if (detail.nodes === 'group') this.#paintFar(frame);
    else this.#paintNear(frame, picture);
    ctx.restore();
  }

  /** Paints the bodies of nodes again, in place: their look changed and nothing around them. */
  repaintBodies(ctx: CanvasRenderingContext2D, picture: Picture, nodes: readonly SceneNode[], view: Rect): void {
    const frame = this.#frame(ctx, picture, view);
    if (frame.detail.nodes === 'group') return;
    paintNodes(frame, nodes);
    inPixels(frame);
  }

  #frame(ctx: CanvasRenderingContext2D, picture: Picture, clip: Rect): Frame {
    const { model, theme, camera, dpr } = picture;
    if (theme !== this.#theme) {
      this.#theme = theme;
      this.fonts.reset(theme.sans);
    }
    this.#sprites.reset(theme, theme.metric[model.fill.kind]);
    this.#sprites.tidy();
    this.fonts.tidy();
    const detail: Detail = detailAt(camera.zoom, model.groups.length > 0);
    if (detail.labels === 'name') this.#plan.update(model, this.fonts, camera.zoom);
    return {
      ctx, dpr, camera, detail, theme, model, clip,
      k: camera.zoom * dpr,
      tx: camera.x * dpr,
      ty: camera.y * dpr,
      highlight: picture.highlight,
      sprites: this.#sprites,
      fonts: this.fonts,
      world: worldRect(camera, clip),
      now: picture.now,
      comparing: picture.comparing,
      plan: this.#plan.number,
    };
  }

  #paintNear(frame: Frame, picture: Picture): void {
    const edges = edgesIn(frame);
    paintEdges(frame, frame.detail.edges === 'straight' && edges.length > MAX_FAR_EDGES ? shortOnes(frame, edges) : edges);
    paintBoxLabels(frame);
    const nodes = this.#nodesIn(frame, picture.ghosts);
    paintNodes(frame, nodes);
    paintLabels(frame, nodes);
    paintRates(frame, edges);
  }

  #paintFar(frame: Frame): void {
    const depth = bodyDepth(frame.model.groups, frame.camera.zoom);
    paintBodies(frame, depth);
    paintLinks(frame, this.#links.links(frame.model, depth));
    paintBodyLabels(frame, depth);
    paintBoxLabels(frame, depth - 1);
    const { selected, hovered, focused } = frame.highlight;
    const asked = [focused, hovered, selected].filter((node) => node !== null);
    if (asked.length > 0) {
      const high = edgesIn(frame).filter((edge) => edge.high);
      paintEdges({ ...frame, detail: { ...frame.detail, edges: 'straight' } }, high);
    }
    // What stands in no box has nobody to stand for it.
    const asMarks: Frame = { ...frame, detail: { ...frame.detail, nodes: 'mark' } };
    const shown = [...frame.model.loose, ...asked.filter((node) => node.group)];
    paintNodes(asMarks, shown);
    paintLabels(asMarks, shown);
  }

  /** Nodes that may show in the clip, those that stand out last. */
  #nodesIn(frame: Frame, ghosts: Iterable<SceneNode>): SceneNode[] {
    const { zoom } = frame.camera;
    const side = LABEL_REACH_PX / zoom;
    const above = (bodyReach(zoom) + 64) / zoom;
    const { world, model, highlight } = frame;
    const area = { x: world.x - side, y: world.y - above, width: world.width + 2 * side, height: world.height + above * 2 };
    const found = model.grid.query(area).filter((node) => isInside(node, area));
    for (const ghost of ghosts) if (isInside(ghost, area)) found.push(ghost);
    const last = [highlight.focused, highlight.hovered, highlight.selected].filter((node) => node !== null);
    if (last.length === 0) return found;
    const late = found.filter((node) => last.includes(node));
    return late.length === 0 ? found : [...found.filter((node) => !last.includes(node)), ...late];
  }
}

function isInside(node: SceneNode, area: Rect): boolean {
  return node.x >= area.x && node.x <= area.x + area.width && node.y >= area.y && node.y <= area.y + area.height;
}
