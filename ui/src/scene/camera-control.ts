/** The camera in use: what moves it, how it gets there, and when it goes by itself. */

import { between, type Camera, centreOn, fitTo, keepInView, MAP_INSETS, nudgeInto, pan, type Rect, snapped, type Viewport, zoomAt } from './camera';
import { easeOut, progress } from './ease';
import { CAMERA_MS, SETTLE_MS } from './limits';
import type { SceneNode } from './nodes';

export interface CameraHost {
  /** What there is to look at, in layout units. */
  content(): Rect;
  isEmpty(): boolean;
  /** The camera is somewhere else from here on. */
  moved(from: Camera, to: Camera): void;
  /** It is under way and wants to be advanced with the next frame. */
  underway(): void;
  /** False: flights arrive at once. */
  isAnimated(): boolean;
}

/** Least zoom at which a node that is asked for is shown. */
const READABLE_ZOOM = 0.6;
/** Half the width that a node with its label takes, in layout units. */
const SEEN_HALF = 50;
/** Content farther from the middle than this share of the view's width is moved there when the view is resized. */
const ASIDE_SHARE = 0.12;
/** Zooms closer than this are the same when a view is resized. */
const SAME_ZOOM = 0.01;

export class CameraControl {
  at: Camera = { zoom: 1, x: 0, y: 0 };
  view: Viewport = { width: 0, height: 0, insets: MAP_INSETS };
  dpr = 1;

  readonly #host: CameraHost;
  #flight: { from: Camera; to: Camera; start: number } | null = null;
  /** It was moved by hand: it follows nothing by itself any more. */
  #touched = false;
  #fitted = false;
  #openedAt = 0;

  constructor(host: CameraHost) {
    this.#host = host;
  }

  get isFlying(): boolean {
    return this.#flight !== null;
  }

  /** Where it will be when it arrives. */
  get goal(): Camera {
    return this.#flight?.to ?? this.at;
  }

  /** The view has another size: content that was fitted stays fitted, `kept` stays in sight. */
  resize(view: Viewport, dpr: number, kept: SceneNode | null): void {
    const settled = this.#fitted && this.view.width > 0;
    const sameSize = view.width === this.view.width && view.height === this.view.height;
    this.view = view;
    this.dpr = dpr;
    if (this.#touched || this.#host.isEmpty()) {
      if (kept) this.show(kept);
      return;
    }
    const content = this.#host.content();
    const wanted = fitTo(content, view);
    // What still fits about where it is stays there: a card that opens must not push the map from under the pointer
    // for little. What has to move anyway, or would leave one side empty, moves to the middle.
    const aside = Math.abs(wanted.x - this.at.x) > ASIDE_SHARE * view.width;
    const keeps = settled && !aside && Math.abs(wanted.zoom - this.at.zoom) < SAME_ZOOM && isSame(nudgeInto(this.at, content, view), this.at);
    // What lies over the map for a while is no reason to make all of it smaller.
    if (settled && sameSize && kept && wanted.zoom < this.at.zoom - SAME_ZOOM) {
      this.show(kept);
      return;
    }
    this.#fitted = true;
    this.#flyTo(keeps ? this.at : wanted, settled);
  }

  fit(animated: boolean): void {
    this.#touched = false;
    this.#flyTo(fitTo(this.#host.content(), this.view), animated);
  }

  fitPart(part: Rect): void {
    this.#touched = true;
    this.#flyTo(fitTo(part, this.view), true);
  }

  panBy(dx: number, dy: number): void {
    this.#touched = true;
    this.#flight = null;
    this.#move(keepInView(pan(this.at, dx, dy), this.#host.content(), this.view));
  }

  /** Zooms about a point of the view: at once, as a wheel wants it. */
  zoomAt(factor: number, x: number, y: number): void {
    this.#touched = true;
    this.#flight = null;
    this.#move(keepInView(zoomAt(this.at, factor, x, y), this.#host.content(), this.view));
  }

  /** Zooms about a point of the view, or its middle: smoothly, as a button wants it. */
  zoomTowards(factor: number, x = this.view.width / 2, y = this.view.height / 2): void {
    this.#touched = true;
    this.#flyTo(zoomAt(this.goal, factor, x, y), true);
  }

  /** Brings a node into the middle, near enough to be read. */
  centre(node: SceneNode): void {
    this.#touched = true;
    this.#flyTo(centreOn(this.at, this.view, node.targetX, node.targetY, READABLE_ZOOM), true);
  }

  /** Moves as little as it takes to see a node with its label. */
  show(node: SceneNode): void {
    const from = this.goal;
    const seen = { x: node.targetX - SEEN_HALF, y: node.targetY - node.top - 8, width: 2 * SEEN_HALF, height: node.top + node.foot + 12 };
    const tooFar = from.zoom < READABLE_ZOOM / 2;
    const to = tooFar ? centreOn(from, this.view, node.targetX, node.targetY, READABLE_ZOOM) : nudgeInto(from, seen, this.view);
    if (isSame(from, to)) return;
    this.#touched = true;
    this.#flyTo(to, true);
  }

  /** Another view is open. The camera stays when `sameShare` of its nodes, most of them, stand where they stood. */
  opened(sameShare: number, now: number): void {
    this.#openedAt = now;
    if (this.#fitted && sameShare > 0.5) return;
    this.#fitted = !this.#host.isEmpty() && this.view.width > 0;
    this.fit(false);
  }

  /** While a view fills for the first time and nobody has moved the camera, it shows all there is. */
  follow(now: number): void {
    if (this.#host.isEmpty()) return;
    const settled = this.#touched || !this.#host.isAnimated() || now > this.#openedAt + SETTLE_MS;
    if (this.#fitted && settled) return;
    const animated = this.#fitted;
    this.#fitted = true;
    const wanted = snapped(fitTo(this.#host.content(), this.view), this.dpr);
    if (!isSame(wanted, this.goal)) this.fit(animated);
  }

  /** One step of a flight. */
  advance(now: number): void {
    if (!this.#flight) return;
    const { from, to, start } = this.#flight;
    const t = progress(now, start, CAMERA_MS);
    if (t >= 1) this.#flight = null;
    this.#move(between(from, to, easeOut(t), this.view));
  }

  #flyTo(to: Camera, animated: boolean): void {
    const target = snapped(to, this.dpr);
    if (!animated || !this.#host.isAnimated() || this.view.width === 0) {
      this.#flight = null;
      this.#move(target);
      return;
    }
    this.#flight = { from: this.at, to: target, start: performance.now() };
    this.#host.underway();
  }

  #move(to: Camera): void {
    const from = this.at;
    const camera = snapped(to, this.dpr);
    if (camera.zoom === from.zoom && camera.x === from.x && camera.y === from.y) return;
    this.at = camera;
    this.#host.moved(from, camera);
  }
}

function isSame(a: Camera, b: Camera): boolean {
  return Math.abs(a.zoom - b.zoom) < 1e-4 && Math.abs(a.x - b.x) + Math.abs(a.y - b.y) < 2;
}
