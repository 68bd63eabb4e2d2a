/** What a paint needs to know, passed to everything that draws. */

import type { Camera, Rect } from './camera';
import type { Fonts } from './fonts';
import type { Detail } from './lod';
import type { Highlight } from './look';
import type { SceneModel } from './model';
import type { NodeSprites } from './sprites';
import type { Theme } from './theme';

export interface Frame {
  readonly ctx: CanvasRenderingContext2D;
  readonly dpr: number;
  readonly camera: Camera;
  /** Device px per layout unit, and where the world's origin is in device px. */
  readonly k: number;
  readonly tx: number;
  readonly ty: number;
  readonly detail: Detail;
  readonly theme: Theme;
  readonly model: SceneModel;
  readonly highlight: Highlight;
  readonly sprites: NodeSprites;
  readonly fonts: Fonts;
  /** The part that is painted, in CSS px on screen and in the world. */
  readonly clip: Rect;
  readonly world: Rect;
  /** Scene time in ms. */
  readonly now: number;
  /** Nodes are compared with another moment: what did not change is grey. */
  readonly comparing: boolean;
  /** Plan of names in use, as {@link SceneNode.namedIn}. */
  readonly plan: number;
}

/** Sets the context to layout units. */
export function inWorld(frame: Frame): void {
  frame.ctx.setTransform(frame.k, 0, 0, frame.k, frame.tx, frame.ty);
}

/** Sets the context to device px. */
export function inPixels(frame: Frame): void {
  frame.ctx.setTransform(1, 0, 0, 1, 0, 0);
}

export function touches(a: Rect, b: Rect): boolean {
  return a.x <= b.x + b.width && a.x + a.width >= b.x && a.y <= b.y + b.height && a.y + a.height >= b.y;
}

/** A rounded rectangle as a new path. */
export function roundRect(ctx: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, radius: number): void {
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, Math.max(0, Math.min(radius, width / 2, height / 2)));
}
