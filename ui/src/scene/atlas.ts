/** Small pictures drawn once and copied often, packed on pages. */

import { context2d } from './canvas';
import { ATLAS_PAGE_PX, MAX_ATLAS_PAGES } from './limits';

/** A picture on a page, in device px. */
export interface Sprite {
  readonly page: HTMLCanvasElement;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Where the picture's origin is within it. */
  readonly originX: number;
  readonly originY: number;
}

/** How large a picture is, where its origin is, and how it is drawn; the context's origin is the picture's. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly originX: number;
  readonly originY: number;
  draw(ctx: CanvasRenderingContext2D): void;
}

interface Page {
  readonly canvas: HTMLCanvasElement;
  readonly ctx: CanvasRenderingContext2D;
  /** Where the next picture goes: x and y of the current shelf and its height. */
  x: number;
  y: number;
  shelf: number;
}

/**
 * Pages of sprites by key. Ask for all sprites of a paint before the first is copied: drawing on a page
 * between two copies from it makes the browser copy the whole page.
 */
export class Atlas {
  readonly #sprites = new Map<string, Sprite>();
  #pages: Page[] = [];

  get size(): number {
    return this.#sprites.size;
  }

  /** True when the next sprites may not find room and the atlas should be cleared between two paints. */
  get isFull(): boolean {
    return this.#pages.length >= MAX_ATLAS_PAGES;
  }

  clear(): void {
    this.#sprites.clear();
    this.#pages = [];
  }

  get(key: string, drawing: () => Drawing): Sprite {
    const known = this.#sprites.get(key);
    if (known) return known;
    const sprite = this.#place(drawing());
    this.#sprites.set(key, sprite);
    return sprite;
  }

  #place(drawing: Drawing): Sprite {
    const width = Math.ceil(drawing.width);
    const height = Math.ceil(drawing.height);
    const page = this.#pageFor(width, height);
    const { x, y } = page;
    page.x += width + 1;
    page.shelf = Math.max(page.shelf, height);
    const originX = Math.round(drawing.originX);
    const originY = Math.round(drawing.originY);
    page.ctx.setTransform(1, 0, 0, 1, x + originX, y + originY);
    page.ctx.save();
    drawing.draw(page.ctx);
    page.ctx.restore();
    return { page: page.canvas, x, y, width, height, originX, originY };
  }

  #pageFor(width: number, height: number): Page {
    const last = this.#pages.at(-1);
    if (last) {
      if (last.x + width > last.canvas.width) {
        last.x = 0;
        last.y += last.shelf + 1;
        last.shelf = 0;
      }
      if (last.y + height <= last.canvas.height && width <= last.canvas.width) return last;
    }
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(ATLAS_PAGE_PX, width);
    canvas.height = Math.max(ATLAS_PAGE_PX, height);
    const page: Page = { canvas, ctx: context2d(canvas, false), x: 0, y: 0, shelf: 0 };
    this.#pages.push(page);
    return page;
  }
}

/** Copies a sprite with its origin at `(x, y)`, in device px. */
export function stamp(ctx: CanvasRenderingContext2D, sprite: Sprite, x: number, y: number): void {
  ctx.drawImage(sprite.page, sprite.x, sprite.y, sprite.width, sprite.height, x - sprite.originX, y - sprite.originY, sprite.width, sprite.height);
}

/** Copies a sprite scaled about its origin. */
export function stampScaled(ctx: CanvasRenderingContext2D, sprite: Sprite, x: number, y: number, scale: number): void {
  const { width, height, originX, originY } = sprite;
  ctx.drawImage(sprite.page, sprite.x, sprite.y, width, height, x - originX * scale, y - originY * scale, width * scale, height * scale);
}
