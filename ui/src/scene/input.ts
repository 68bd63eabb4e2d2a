/** Pointer, wheel and keys of the map, translated into what the scene does. */

import { CLICK_SLOP_PX } from './limits';
import type { SceneNode } from './nodes';
import type { Scene } from './scene';
import type { Direction } from './walk';

/** What a person asked for. */
export interface Intent {
  select(node: SceneNode | null): void;
  open(node: SceneNode): void;
  hover(node: SceneNode | null): void;
  /** The keyboard walked to a node. */
  walked(node: SceneNode): void;
}

const WHEEL_ZOOM_PER_PX = 0.0025;
const PINCH_ZOOM_PER_PX = 0.01;
/** A wheel's notch is at least this far; touchpads send less, in CSS px. */
const NOTCH_PX = 40;
/** Events this close belong to one movement of a touchpad, in ms. */
const GESTURE_MS = 160;
const STEP_ZOOM = 1.25;
const DOUBLE_CLICK_ZOOM = 2;
const LINE_PX = 16;

const ARROWS: Readonly<Record<string, Direction>> = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' };

interface Press {
  readonly x: number;
  readonly y: number;
  moved: boolean;
}

export class Input {
  readonly #root: HTMLElement;
  readonly #scene: Scene;
  readonly #intent: Intent;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  readonly #abort = new AbortController();
  #press: Press | null = null;
  #clicked: SceneNode | null = null;
  #touchpadUntil = 0;

  constructor(root: HTMLElement, scene: Scene, intent: Intent) {
    this.#root = root;
    this.#scene = scene;
    this.#intent = intent;
    const { signal } = this.#abort;
    root.addEventListener('pointerdown', (event) => this.#down(event), { signal });
    root.addEventListener('pointermove', (event) => this.#move(event), { signal });
    root.addEventListener('pointerup', (event) => this.#up(event), { signal });
    root.addEventListener('pointercancel', (event) => this.#lost(event), { signal });
    root.addEventListener('pointerleave', () => this.#intent.hover(null), { signal });
    root.addEventListener('wheel', (event) => this.#wheel(event), { signal, passive: false });
    root.addEventListener('dblclick', (event) => this.#doubleClick(event), { signal });
    root.addEventListener('keydown', (event) => this.#key(event), { signal });
  }

  destroy(): void {
    this.#abort.abort();
  }

  #at(event: MouseEvent): [number, number] {
    const box = this.#root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 && event.button !== 1) return;
    const [x, y] = this.#at(event);
    this.#pointers.set(event.pointerId, { x, y });
    this.#press = this.#pointers.size === 1 ? { x, y, moved: false } : null;
  }

  #move(event: PointerEvent): void {
    const [x, y] = this.#at(event);
    const last = this.#pointers.get(event.pointerId);
    if (!last) {
      const node = this.#scene.nodeAt(x, y);
      this.#root.style.cursor = node || this.#scene.bodyAt(x, y) ? 'pointer' : '';
      this.#intent.hover(node);
      return;
    }
    if (this.#pointers.size === 2) {
      this.#pinch(event.pointerId, last, { x, y });
      return;
    }
    const press = this.#press;
    if (press && !press.moved) {
      if (Math.hypot(x - press.x, y - press.y) <= CLICK_SLOP_PX) return;
      press.moved = true;
      // Only a drag takes the pointer: a click has to reach the button under it.
      this.#root.setPointerCapture(event.pointerId);
      this.#root.style.cursor = 'grabbing';
      this.#intent.hover(null);
    }
    this.#scene.camera.panBy(x - last.x, y - last.y);
    this.#pointers.set(event.pointerId, { x, y });
  }

  #pinch(id: number, last: { x: number; y: number }, next: { x: number; y: number }): void {
    const other = [...this.#pointers.entries()].find(([key]) => key !== id)?.[1];
    this.#pointers.set(id, next);
    if (!other) return;
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    const after = Math.hypot(next.x - other.x, next.y - other.y);
    const middleX = (next.x + other.x) / 2;
    const middleY = (next.y + other.y) / 2;
    this.#scene.camera.panBy((next.x - last.x) / 2, (next.y - last.y) / 2);
    if (before > 1) this.#scene.camera.zoomAt(after / before, middleX, middleY);
  }

  #up(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    this.#root.style.cursor = '';
    const press = this.#press;
    this.#press = null;
    if (!press || press.moved || event.button !== 0) return;
    const node = this.#scene.nodeAt(press.x, press.y);
    const body = node ? null : this.#scene.bodyAt(press.x, press.y);
    this.#clicked = node;
    if (body) this.#scene.camera.fitPart(body);
    else this.#intent.select(node);
  }

  #lost(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    this.#press = null;
    this.#root.style.cursor = '';
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const [x, y] = this.#at(event);
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? 400 : 1;
    const dx = event.deltaX * unit;
    const dy = event.deltaY * unit;
    if (event.ctrlKey || event.metaKey) this.#scene.camera.zoomAt(Math.exp(-dy * PINCH_ZOOM_PER_PX), x, y);
    else if (event.shiftKey) this.#scene.camera.panBy(-(dx || dy), dx ? -dy : 0);
    else if (this.#isTouchpad(event, dx, dy)) this.#scene.camera.panBy(-dx, -dy);
    else this.#scene.camera.zoomAt(Math.exp(-dy * WHEEL_ZOOM_PER_PX), x, y);
  }

  /** Two fingers pan, a wheel zooms. Nothing says which it is: touchpads move sideways and in small steps. */
  #isTouchpad(event: WheelEvent, dx: number, dy: number): boolean {
    const small = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL && Math.abs(dy) < NOTCH_PX;
    const likely = small || (dx !== 0 && dy !== 0) || event.timeStamp < this.#touchpadUntil;
    if (likely) this.#touchpadUntil = event.timeStamp + GESTURE_MS;
    return likely;
  }

  #doubleClick(event: MouseEvent): void {
    const [x, y] = this.#at(event);
    // The first click may have moved the map: the node that it hit is meant.
    const node = this.#clicked;
    if (node) this.#intent.open(node);
    else if (!this.#scene.bodyAt(x, y)) this.#scene.camera.zoomTowards(DOUBLE_CLICK_ZOOM, x, y);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.#handled(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #handled(key: string): boolean {
    const direction = ARROWS[key];
    if (direction) {
      const node = this.#scene.moveFocus(direction);
      if (node) this.#intent.walked(node);
      return true;
    }
    switch (key) {
      case 'Enter': {
        const node = this.#scene.highlight.focused;
        if (node) this.#intent.open(node);
        return node !== null;
      }
      case '+':
      case '=':
        this.#scene.camera.zoomTowards(STEP_ZOOM);
        return true;
      case '-':
        this.#scene.camera.zoomTowards(1 / STEP_ZOOM);
        return true;
      case '0':
      case 'f':
      case 'F':
        this.#scene.camera.fit(true);
        return true;
      default:
        return false;
    }
  }
}
