/** Rectangles on the screen. */

import type { Rect } from './camera';

export function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && a.x + a.width > b.x && a.y < b.y + b.height && a.y + a.height > b.y;
}

export function union(a: Rect, b: Rect): Rect {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

export function intersection(a: Rect, b: Rect): Rect | null {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

/** Edges on whole device px, so that the clip cuts no pixel in half. */
export function outward(rect: Rect, dpr: number): Rect {
  const x = Math.floor(rect.x * dpr);
  const y = Math.floor(rect.y * dpr);
  const right = Math.ceil((rect.x + rect.width) * dpr);
  const bottom = Math.ceil((rect.y + rect.height) * dpr);
  return { x: x / dpr, y: y / dpr, width: (right - x) / dpr, height: (bottom - y) / dpr };
}
