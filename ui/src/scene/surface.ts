/**
 * The canvas and what of it is out of date. A pan shifts the picture and paints the strips that came
 * into view; a change paints around what changed; only zoom and highlight paint everything.
 */

import type { Camera, Rect } from './camera';
import { context2d } from './canvas';
import { MAX_DIRTY_RECTS, SLOW_PAINT_MS } from './limits';
import type { SceneNode } from './nodes';
import type { Painter, Picture } from './painter';
import { intersection, outward, overlaps, union } from './rects';

export class Surface {
  width = 0;
  height = 0;
  dpr = 1;
  /** Milliseconds that painting everything takes, smoothed. */
  fullPaintMs = 0;

  readonly #canvas: HTMLCanvasElement;
  readonly #ctx: CanvasRenderingContext2D;
  #painted: Camera | null = null;
  #all = true;
  #rects: Rect[] = [];
  #bodies = new Set<SceneNode>();
  #sharp: HTMLCanvasElement | null = null;
  #sharpCamera: Camera | null = null;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#ctx = context2d(canvas, true);
  }

  get isSlow(): boolean {
    return this.fullPaintMs > SLOW_PAINT_MS;
  }

  /** Camera of the picture on the canvas. */
  get paintedCamera(): Camera | null {
    return this.#painted;
  }

  get isDirty(): boolean {
    return this.#all || this.#rects.length > 0 || this.#bodies.size > 0;
  }

  get view(): Rect {
    return { x: 0, y: 0, width: this.width, height: this.height };
  }

  resize(width: number, height: number, dpr: number): boolean {
    if (width === this.width && height === this.height && dpr === this.dpr) return false;
    this.width = width;
    this.height = height;
    this.dpr = dpr;
    this.#canvas.width = Math.max(1, Math.round(width * dpr));
    this.#canvas.height = Math.max(1, Math.round(height * dpr));
    this.#sharp = null;
    this.invalidateAll();
    return true;
  }

  invalidateAll(): void {
    this.#all = true;
    this.#rects = [];
    this.#bodies.clear();
  }

  /** A part of the screen, in CSS px, is to be painted again. */
  invalidate(rect: Rect): void {
    if (this.#all) return;
    const clipped = intersection(rect, this.view);
    if (!clipped) return;
    const near = this.#rects.findIndex((other) => overlaps(other, clipped));
    if (near >= 0) this.#rects[near] = union(this.#rects[near] as Rect, clipped);
    else if (this.#rects.length < MAX_DIRTY_RECTS) this.#rects.push(clipped);
    else this.#rects = [this.#rects.reduce(union, clipped)];
  }

  /** A node's body is to be painted again in place. */
  invalidateBody(node: SceneNode): void {
    if (!this.#all) this.#bodies.add(node);
  }

  /** Brings the canvas up to date. Returns the ms it took when everything was painted, else 0. */
  paint(painter: Painter, picture: Picture): number {
    let took = 0;
    const from = this.#painted;
    const to = picture.camera;
    this.#painted = to;
    if (this.#all || !from || from.zoom !== to.zoom) {
      const start = performance.now();
      painter.paint(this.#ctx, picture, [this.view]);
      took = performance.now() - start;
    } else {
      const dx = Math.round((to.x - from.x) * this.dpr);
      const dy = Math.round((to.y - from.y) * this.dpr);
      if (dx !== 0 || dy !== 0) this.#shift(painter, picture, dx, dy);
      if (this.#rects.length > 0) painter.paint(this.#ctx, picture, this.#rects.map((rect) => outward(rect, this.dpr)));
      if (this.#bodies.size > 0) painter.repaintBodies(this.#ctx, picture, [...this.#bodies], this.view);
    }
    this.#all = false;
    this.#rects = [];
    this.#bodies.clear();
    this.#sharpCamera = null;
    return took;
  }

  /** Shows the last sharp picture from another camera; a sharp one has to follow. */
  preview(camera: Camera, background: string): void {
    if (!this.#sharpCamera) {
      this.#sharp = this.copy(this.#sharp);
      this.#sharpCamera = this.#painted;
    }
    const from = this.#sharpCamera;
    if (!from || !this.#sharp) return;
    const scale = camera.zoom / from.zoom;
    const ctx = this.#ctx;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalAlpha = 1;
    ctx.fillStyle = background;
    ctx.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    ctx.imageSmoothingEnabled = scale > 0.5;
    ctx.drawImage(
      this.#sharp,
      (camera.x - from.x * scale) * this.dpr,
      (camera.y - from.y * scale) * this.dpr,
      this.#canvas.width * scale,
      this.#canvas.height * scale,
    );
    ctx.imageSmoothingEnabled = true;
    this.#painted = camera;
    this.#all = true;
  }

  /** Copies the picture onto another canvas, made when there is none. */
  copy(into: HTMLCanvasElement | null): HTMLCanvasElement {
    const target = into ?? document.createElement('canvas');
    if (target.width !== this.#canvas.width) target.width = this.#canvas.width;
    if (target.height !== this.#canvas.height) target.height = this.#canvas.height;
    context2d(target, true).drawImage(this.#canvas, 0, 0);
    return target;
  }

  /** Takes note of what painting everything cost, until the next frame could begin. */
  measured(ms: number): void {
    this.fullPaintMs = this.fullPaintMs === 0 ? ms : this.fullPaintMs * 0.7 + ms * 0.3;
  }

  /** Moves the picture and paints the strips that came into view; pending parts have moved along already. */
  #shift(painter: Painter, picture: Picture, dx: number, dy: number): void {
    const { width, height } = this.#canvas;
    if (Math.abs(dx) >= width || Math.abs(dy) >= height) {
      painter.paint(this.#ctx, picture, [this.view]);
      return;
    }
    const ctx = this.#ctx;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalAlpha = 1;
    ctx.globalCompositeOperation = 'copy';
    ctx.drawImage(this.#canvas, dx, dy);
    ctx.globalCompositeOperation = 'source-over';
    const d = this.dpr;
    if (dx !== 0) painter.paint(ctx, picture, [{ x: (dx > 0 ? 0 : width + dx) / d, y: 0, width: Math.abs(dx) / d, height: height / d }]);
    if (dy !== 0) painter.paint(ctx, picture, [{ x: 0, y: (dy > 0 ? 0 : height + dy) / d, width: width / d, height: Math.abs(dy) / d }]);
  }

  /** To be called when the camera moves without zooming, so that what is pending stays where it belongs. */
  shiftPending(dx: number, dy: number): void {
    this.#rects = this.#rects.map((rect) => ({ ...rect, x: rect.x + dx, y: rect.y + dy }));
  }
}
