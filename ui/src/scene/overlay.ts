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
/** Nodes this close in height are one row, in layout units. */
const ROW = 40;

interface Entry {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
}

export class Overlay {
  readonly #list: HTMLElement;
  readonly #scene: Scene;
  readonly #entries = new Map<string, Entry>();
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
    nodes.sort((a, b) => Math.round(a.y / ROW) - Math.round(b.y / ROW) || a.x - b.x);
    const shown = new Set(nodes.map((node) => node.id));
    for (const [id, { item }] of this.#entries) {
      if (shown.has(id)) continue;
      item.remove();
      this.#entries.delete(id);
    }
    const tabStop = focused ?? selected ?? nodes[0] ?? null;
    for (const node of nodes) this.#put(node, node === tabStop);
    this.#order(nodes);
  }

  /** Gives the keyboard to a node's button. */
  focus(id: string): void {
    if (!this.#entries.has(id)) this.update();
    for (const [other, { button }] of this.#entries) button.tabIndex = other === id ? 0 : -1;
    this.rename(id);
    this.#entries.get(id)?.button.focus({ preventScroll: true });
  }

  /** Brings the name of a button up to date: readings change more often than buttons are placed. */
  rename(id: string): void {
    const node = this.#scene.model.nodes.get(id);
    const entry = this.#entries.get(id);
    if (node && entry) setName(entry.button, nameOf(node, this.metricLabel));
  }

  #put(node: SceneNode, tabStop: boolean): void {
    let entry = this.#entries.get(node.id);
    if (!entry) {
      entry = this.#create(node.id);
      this.#entries.set(node.id, entry);
    }
    const { button } = entry;
    place(button, node, this.#scene);
    button.tabIndex = tabStop ? 0 : -1;
    setName(button, nameOf(node, this.metricLabel));
  }

  /** Brings the list into reading order, unless the keyboard is in it: moving a button takes its focus. */
  #order(nodes: readonly SceneNode[]): void {
    if (this.#list.contains(document.activeElement)) return;
    let at = this.#list.firstElementChild;
    for (const { id } of nodes) {
      const item = this.#entries.get(id)?.item;
      if (!item) continue;
      if (item === at) at = at.nextElementSibling;
      else this.#list.insertBefore(item, at);
    }
  }

  #create(id: string): Entry {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.testid = 'map-node';
    button.dataset.nodeId = id;
    // Clicks by the pointer are taken by the map itself; this is for the keyboard and assistive tools.
    button.addEventListener('click', (event) => {
      if (event.detail === 0) this.#activate(id);
    });
    item.append(button);
    this.#list.append(item);
    return { item, button };
  }
}

function place(button: HTMLButtonElement, node: SceneNode, scene: Scene): void {
  const { zoom, x, y } = scene.camera.at;
  const shape = SHAPES[node.shape];
  const width = Math.max(LEAST_SIDE_PX, shape.halfWidth * 2 * zoom);
  const height = Math.max(LEAST_SIDE_PX, (shape.top + shape.bottom) * zoom);
  const { style } = button;
  style.left = `${Math.round(node.x * zoom + x - width / 2)}px`;
  style.top = `${Math.round((node.y + (shape.bottom - shape.top) / 2) * zoom + y - height / 2)}px`;
  style.width = `${Math.round(width)}px`;
  style.height = `${Math.round(height)}px`;
}

function setName(button: HTMLButtonElement, text: string): void {
  if (button.getAttribute('aria-label') !== text) button.setAttribute('aria-label', text);
}

/** A node in words: name, what it is, second label, reading. */
export function nameOf(node: SceneNode, metricLabel: string): string {
  const kind = node.pseudo ? '' : node.kindTag.replace(/^group:/, '').split(':')[0]?.replaceAll('_', ' ');
  const reading = node.value === '' ? '' : `${metricLabel} ${node.value}`.trim();
  const state = node.stale ? 'stale' : (node.mark?.kind ?? '');
  return [node.label, kind, node.minor, reading, state].filter((part) => part !== undefined && part !== '').join(', ');
}
