/**
 * Transparent buttons over the nodes that can be seen: what screen readers, the tab key and mouse automation
 * find by name. They follow when the camera rests.
 */

import { MAX_OVERLAY_NODES } from './limits';
import type { SceneNode } from './nodes';
import type { Scene } from './scene';
import { SHAPES } from './shapes';

/** Least side of a button, in CSS px. */
const LEAST_SIDE_PX = 12;

export class Overlay {
  readonly #list: HTMLElement;
  readonly #scene: Scene;
  readonly #items: { item: HTMLLIElement; button: HTMLButtonElement; id: string }[] = [];
  readonly #activate: (id: string) => void;
  /** What the fill metric is called, for the buttons' names. */
  metricLabel = '';

  constructor(list: HTMLElement, scene: Scene, activate: (id: string) => void) {
    this.#list = list;
    this.#scene = scene;
    this.#activate = activate;
  }

  /** Puts the buttons where the nodes are. */
  update(): void {
    const nodes = this.#scene.visibleNodes(MAX_OVERLAY_NODES);
    const { focused, selected } = this.#scene.highlight;
    for (const node of [focused, selected]) if (node && !nodes.includes(node)) nodes.push(node);
    // Reading order: rows, then columns.
    nodes.sort((a, b) => Math.round(a.y / 40) - Math.round(b.y / 40) || a.x - b.x);
    const tabStop = focused ?? selected ?? nodes[0] ?? null;
    for (const [i, node] of nodes.entries()) this.#put(i, node, node === tabStop);
    for (const { item } of this.#items.splice(nodes.length)) item.remove();
  }

  /** Gives the keyboard to a node's button. */
  focus(id: string): void {
    let entry = this.#items.find((item) => item.id === id);
    if (!entry) {
      this.update();
      entry = this.#items.find((item) => item.id === id);
    }
    for (const other of this.#items) other.button.tabIndex = other === entry ? 0 : -1;
    entry?.button.focus({ preventScroll: true });
  }

  #put(index: number, node: SceneNode, tabStop: boolean): void {
    let entry = this.#items[index];
    if (!entry) {
      entry = this.#create();
      this.#items.push(entry);
    }
    const { item, button } = entry;
    // A button that has the keyboard keeps its node, so that focus does not jump with the order.
    if (entry.id !== node.id && document.activeElement === button) this.#swap(index, node.id);
    const target = this.#items[index] ?? entry;
    target.id = node.id;
    place(target.button, node, this.#scene);
    target.button.tabIndex = tabStop ? 0 : -1;
    target.button.dataset.nodeId = node.id;
    setText(target.button, nameOf(node, this.metricLabel));
    if (item.parentElement !== this.#list) this.#list.append(item);
  }

  /** The focused button takes the place in the list where its node is now, if it is still among the nodes. */
  #swap(index: number, id: string): void {
    const other = this.#items.findIndex((item) => item.id === id);
    const here = this.#items[index];
    const there = this.#items[other];
    if (here && there) [here.id, there.id] = [there.id, here.id];
  }

  #create(): { item: HTMLLIElement; button: HTMLButtonElement; id: string } {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.testid = 'map-node';
    // Clicks by the pointer are taken by the map itself; this is for the keyboard and assistive tools.
    button.addEventListener('click', (event) => {
      if (event.detail === 0 && button.dataset.nodeId) this.#activate(button.dataset.nodeId);
    });
    item.append(button);
    this.#list.append(item);
    return { item, button, id: '' };
  }
}

function place(button: HTMLButtonElement, node: SceneNode, scene: Scene): void {
  const { zoom, x, y } = scene.camera;
  const shape = SHAPES[node.shape];
  const width = Math.max(LEAST_SIDE_PX, shape.halfWidth * 2 * zoom);
  const height = Math.max(LEAST_SIDE_PX, (shape.top + shape.bottom) * zoom);
  const { style } = button;
  style.left = `${Math.round(node.x * zoom + x - width / 2)}px`;
  style.top = `${Math.round((node.y + (shape.bottom - shape.top) / 2) * zoom + y - height / 2)}px`;
  style.width = `${Math.round(width)}px`;
  style.height = `${Math.round(height)}px`;
}

function setText(button: HTMLButtonElement, text: string): void {
  if (button.getAttribute('aria-label') !== text) button.setAttribute('aria-label', text);
}

/** A node in words: name, what it is, second label, reading. */
export function nameOf(node: SceneNode, metricLabel: string): string {
  const kind = node.pseudo ? '' : node.kindTag.replace(/^group:/, '').split(':')[0]?.replaceAll('_', ' ');
  const reading = node.value === '' ? '' : `${metricLabel} ${node.value}`.trim();
  const state = node.stale ? 'stale' : (node.mark?.kind ?? '');
  return [node.label, kind, node.minor, reading, state].filter((part) => part !== undefined && part !== '').join(', ');
}
