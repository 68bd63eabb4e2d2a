/** Paints the map, or any part of it, onto a canvas. */

import { type Camera, type Rect, worldRect } from './camera';
import { Fonts } from './fonts';
import { type Frame, inPixels } from './frame';
import { NamePlan } from './labels';
import { MAX_FAR_EDGES } from './limits';
import { bodyDepth, bodyOf, LinkCache } from './links';
import { type Detail, detailAt } from './lod';
import type { Highlight } from './look';
import type { SceneModel } from './model';
import type { SceneEdge, SceneNode } from './nodes';
import { bodyReach } from './nodes';
import { paintBoxes, paintBoxLabels } from './paint-boxes';
import { edgesIn, paintEdges } from './paint-edges';
import { paintBodies, paintBodyLabels, paintLinks } from './paint-groups';
import { paintLabels } from './paint-labels';
import { paintNodes } from './paint-nodes';
import { NodeSprites } from './sprites';
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

  /** Paints what lies in `clip` (CSS px); the rest of the canvas stays. */
  paint(ctx: CanvasRenderingContext2D, picture: Picture, clip: Rect): void {
    const frame = this.#frame(ctx, picture, clip);
    const { detail } = frame;
    ctx.save();
    inPixels(frame);
    ctx.beginPath();
    ctx.rect(clip.x * frame.dpr, clip.y * frame.dpr, clip.width * frame.dpr, clip.height * frame.dpr);
    ctx.clip();
    ctx.fillStyle = frame.theme.map;
    ctx.fillRect(clip.x * frame.dpr, clip.y * frame.dpr, clip.width * frame.dpr, clip.height * frame.dpr);
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
    if (frame.detail.edges === 'straight' && edges.length > MAX_FAR_EDGES && frame.model.groups.length > 0) {
      paintEdges(frame, edges.filter((edge) => edge.high || bodyOf(edge.source, 1) === bodyOf(edge.target, 1)));
      paintLinks(frame, this.#links.links(frame.model, 1));
    } else paintEdges(frame, edges);
    paintBoxLabels(frame);
    const nodes = this.#nodesIn(frame, picture.ghosts);
    paintNodes(frame, nodes);
    paintLabels(frame, nodes);
  }

  #paintFar(frame: Frame): void {
    const depth = bodyDepth(frame.model.groups, frame.camera.zoom);
    paintLinks(frame, this.#links.links(frame.model, depth));
    paintBodies(frame, depth);
    if (depth > 1) paintBoxLabels(frame);
    paintBodyLabels(frame, depth);
    // What stands in no box has nobody to stand for it.
    const high: SceneEdge[] = edgesIn(frame).filter((edge) => edge.high);
    if (high.length > 0) paintEdges({ ...frame, detail: { ...frame.detail, edges: 'straight' } }, high);
    const asMarks: Frame = { ...frame, detail: { ...frame.detail, nodes: 'mark' } };
    const { selected, hovered, focused } = frame.highlight;
    const shown = [...this.#nodesIn(frame, [])].filter((node) => !node.group || node === selected || node === hovered || node === focused);
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
