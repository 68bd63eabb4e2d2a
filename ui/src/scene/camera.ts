/** Where the map is looked at from: `screen = world × zoom + offset`, in CSS px. */

import { FIT_MARGIN_X_PX, FIT_MARGIN_Y_PX, FIT_MAX_ZOOM, MAX_ZOOM, MIN_ZOOM } from './limits';

/** A rectangle in either space. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A position of the camera. */
export interface Camera {
  readonly zoom: number;
  /** Where the world's origin is on screen. */
  readonly x: number;
  readonly y: number;
}

/** The canvas as the camera sees it. */
export interface Viewport {
  readonly width: number;
  readonly height: number;
  /** Parts covered by tools, kept free by {@link fitTo}. */
  readonly insets: { readonly top: number; readonly right: number; readonly bottom: number; readonly left: number };
}

export const NO_INSETS = { top: 0, right: 0, bottom: 0, left: 0 } as const;
/** Legend and zoom stand at the lower edge. */
export const MAP_INSETS = { top: 0, right: 0, bottom: 36, left: 0 } as const;

export function toScreen(camera: Camera, x: number, y: number): [number, number] {
  return [x * camera.zoom + camera.x, y * camera.zoom + camera.y];
}

export function toWorld(camera: Camera, x: number, y: number): [number, number] {
  return [(x - camera.x) / camera.zoom, (y - camera.y) / camera.zoom];
}

/** The part of the world that a rectangle on screen shows. */
export function worldRect(camera: Camera, rect: Rect): Rect {
  const [x, y] = toWorld(camera, rect.x, rect.y);
  return { x, y, width: rect.width / camera.zoom, height: rect.height / camera.zoom };
}

export function clampZoom(zoom: number): number {
  return Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, Number.isFinite(zoom) ? zoom : 1));
}

/** Zooms by a factor with the world point under `(x, y)` staying there. */
export function zoomAt(camera: Camera, factor: number, x: number, y: number): Camera {
  const zoom = clampZoom(camera.zoom * factor);
  const scale = zoom / camera.zoom;
  return { zoom, x: x - (x - camera.x) * scale, y: y - (y - camera.y) * scale };
}

export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { zoom: camera.zoom, x: camera.x + dx, y: camera.y + dy };
}

/** Shows all of `content`, centred in what tools leave free, magnified by `maxZoom` at most. */
export function fitTo(content: Rect, view: Viewport, maxZoom = FIT_MAX_ZOOM): Camera {
  const { top, right, bottom, left } = view.insets;
  const width = Math.max(1, view.width - left - right - 2 * FIT_MARGIN_X_PX);
  const height = Math.max(1, view.height - top - bottom - 2 * FIT_MARGIN_Y_PX);
  const zoom = clampZoom(Math.min(width / Math.max(1, content.width), height / Math.max(1, content.height), maxZoom));
  const freeX = left + FIT_MARGIN_X_PX + width / 2;
  const freeY = top + FIT_MARGIN_Y_PX + height / 2;
  return {
    zoom,
    x: freeX - (content.x + content.width / 2) * zoom,
    y: freeY - (content.y + content.height / 2) * zoom,
  };
}

/** Brings a world point to the middle without changing the zoom, unless it is below `leastZoom`. */
export function centreOn(camera: Camera, view: Viewport, x: number, y: number, leastZoom = 0): Camera {
  const zoom = clampZoom(Math.max(camera.zoom, leastZoom));
  const { top, right, bottom, left } = view.insets;
  return {
    zoom,
    x: left + (view.width - left - right) / 2 - x * zoom,
    y: top + (view.height - top - bottom) / 2 - y * zoom,
  };
}

/** Brings all of the content into the free part with the least movement; it must fit at this zoom. */
export function nudgeInto(camera: Camera, content: Rect, view: Viewport): Camera {
  const { zoom } = camera;
  const shift = (at: number, size: number, low: number, high: number): number => {
    if (at < low) return low - at;
    return at + size > high ? high - (at + size) : 0;
  };
  const { top, right, bottom, left } = view.insets;
  const dx = shift(content.x * zoom + camera.x, content.width * zoom, left + FIT_MARGIN_X_PX, view.width - right - FIT_MARGIN_X_PX);
  const dy = shift(content.y * zoom + camera.y, content.height * zoom, top + FIT_MARGIN_Y_PX, view.height - bottom - FIT_MARGIN_Y_PX);
  return pan(camera, dx, dy);
}

/** Keeps some of the content in view, so that it cannot be lost by panning. */
export function keepInView(camera: Camera, content: Rect, view: Viewport, margin = 80): Camera {
  const left = content.x * camera.zoom + camera.x;
  const top = content.y * camera.zoom + camera.y;
  const right = left + content.width * camera.zoom;
  const bottom = top + content.height * camera.zoom;
  let { x, y } = camera;
  if (right < margin) x += margin - right;
  else if (left > view.width - margin) x -= left - (view.width - margin);
  if (bottom < margin) y += margin - bottom;
  else if (top > view.height - margin) y -= top - (view.height - margin);
  return x === camera.x && y === camera.y ? camera : { zoom: camera.zoom, x, y };
}

/** On the way from one camera to another: zoom runs evenly for the eye, and the focus stays on course. */
export function between(from: Camera, to: Camera, t: number, view: Viewport): Camera {
  if (t >= 1) return to;
  const zoom = from.zoom * (to.zoom / from.zoom) ** t;
  const cx = view.width / 2;
  const cy = view.height / 2;
  const [fx, fy] = toWorld(from, cx, cy);
  const [gx, gy] = toWorld(to, cx, cy);
  // Positions follow the share of the zoom's change that is done, so that pan and zoom arrive together.
  const share = Math.abs(to.zoom - from.zoom) < 1e-6 ? t : (1 / zoom - 1 / from.zoom) / (1 / to.zoom - 1 / from.zoom);
  return { zoom, x: cx - (fx + (gx - fx) * share) * zoom, y: cy - (fy + (gy - fy) * share) * zoom };
}

/** Offsets on whole device pixels, so that a pan is a shift of the picture. */
export function snapped(camera: Camera, dpr: number): Camera {
  return { zoom: camera.zoom, x: Math.round(camera.x * dpr) / dpr, y: Math.round(camera.y * dpr) / dpr };
}
