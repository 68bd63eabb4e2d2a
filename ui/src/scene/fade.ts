/** Cross-fade between levels of detail: the old picture lies over the new one and goes, moved by the browser. */

import type { Camera } from './camera';
import { LEVEL_FADE_MS } from './limits';
import type { Surface } from './surface';

/** Fading that reduced motion allows, in ms. */
const REDUCED_MS = 80;

export class Fade {
  readonly #canvas: HTMLCanvasElement;
  #camera: Camera | null = null;
  #timer = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    canvas.style.transformOrigin = '0 0';
    canvas.style.pointerEvents = 'none';
    this.#hide();
  }

  /** Keeps the present picture, painted from `painted`, and lets it go. */
  start(surface: Surface, next: Camera, reduced: boolean): void {
    const painted = surface.paintedCamera;
    if (!painted) return;
    surface.copy(this.#canvas);
    this.#camera = painted;
    const { style } = this.#canvas;
    const ms = reduced ? Math.min(REDUCED_MS, LEVEL_FADE_MS) : LEVEL_FADE_MS;
    style.visibility = 'visible';
    style.transition = 'none';
    style.opacity = '1';
    this.follow(next);
    // Reading a size makes the browser take the starting point before the transition.
    void this.#canvas.offsetWidth;
    style.transition = `opacity ${ms}ms linear`;
    style.opacity = '0';
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.stop(), ms + 40);
  }

  /** Keeps the old picture where the camera sees it. */
  follow(camera: Camera): void {
    const from = this.#camera;
    if (!from) return;
    const scale = camera.zoom / from.zoom;
    this.#canvas.style.transform = `matrix(${scale},0,0,${scale},${camera.x - from.x * scale},${camera.y - from.y * scale})`;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#camera = null;
    this.#hide();
  }

  #hide(): void {
    this.#canvas.style.visibility = 'hidden';
  }
}
