/** The map: a view's nodes on a canvas, looked at through a camera. Free of any framework. */

import type { ViewChange } from '../state/view.svelte';
import { Animator } from './animator';
import { type Camera, toWorld, type Viewport } from './camera';
import { CameraControl } from './camera-control';
import { Damage } from './damage';
import { progress } from './ease';
import { Fade } from './fade';
import { DIM_MS, OVERLAY_REST_MS, PREVIEW_REST_MS } from './limits';
import { bodyDepth } from './links';
import { type Detail, detailAt } from './lod';
import { Highlight } from './look';
import { type Effect, SceneModel } from './model';
import { byImportance, type NodeMark, type SceneEdge, type SceneGroup, type SceneNode } from './nodes';
import { Painter } from './painter';
import { pick, type SceneSource } from './source';
import { still } from './still';
import { Surface } from './surface';
import { mapSvg } from './svg';
import type { Theme } from './theme';
import { type Direction, nearestNode, nextNode, nodeAt } from './walk';

/** What the scene tells its owner. */
export interface SceneEvents {
  /** The keyboard's node changed; none when it is gone. */
  focused(node: SceneNode | null): void;
  /** The camera rests, or what is under it changed: the accessible list may follow. */
  rested(): void;
}

/** Time between two frames of the screen, in ms. */
const FRAME_MS = 17;
/** A frame later than this was held back by something else than its picture, in ms. */
const HELD_BACK_MS = 2_000;
/** Previews in a row before a sharp picture is due although the zoom goes on. */
const MOST_PREVIEW_MS = 4 * PREVIEW_REST_MS;

export class Scene {
  readonly model = new SceneModel();
  readonly highlight = new Highlight();
  readonly camera: CameraControl;

  readonly #surface: Surface;
  readonly #painter: Painter;
  readonly #damage: Damage;
  readonly #animator = new Animator();
  readonly #fade: Fade;
  readonly #events: SceneEvents;
  readonly #reduced = matchMedia('(prefers-reduced-motion: reduce)');
  #theme: Theme;
  #themeSource: (() => Theme) | null = null;
  #source: SceneSource | null = null;
  #unsubscribe: (() => void) | null = null;
  #fillMetric: string | null = null;
  #selectedId: string | null = null;
  #comparing = false;
  #failed: ReadonlySet<string> = new Set();

  #frameRequest = 0;
  #wakeTimer = 0;
  #restTimer = 0;
  #dimStart = 0;
  #dimming = false;
  #paintedLevel = -1;
  #zoomedAt = Number.NEGATIVE_INFINITY;
  #sharpAt = 0;
  #fullPaint: { at: number; took: number } | null = null;

  constructor(canvas: HTMLCanvasElement, fadeCanvas: HTMLCanvasElement, theme: Theme, events: SceneEvents) {
    this.#surface = new Surface(canvas);
    this.#fade = new Fade(fadeCanvas);
    this.#painter = new Painter(theme);
    this.#theme = theme;
    this.#events = events;
    this.camera = new CameraControl({
      content: () => this.model.bounds,
      isEmpty: () => this.model.nodes.size === 0,
      moved: (from, to) => this.#cameraMoved(from, to),
      underway: () => this.#request(),
      isAnimated: () => !this.#reduced.matches,
    });
    this.#damage = new Damage(this.#surface, this.model, this.highlight, () => this.camera.at);
  }

  destroy(): void {
    this.#unsubscribe?.();
    cancelAnimationFrame(this.#frameRequest);
    clearTimeout(this.#wakeTimer);
    clearTimeout(this.#restTimer);
    this.#fade.stop();
  }

  /** Shows a view, from here on. */
  setSource(source: SceneSource): void {
    this.#unsubscribe?.();
    this.#source = source;
    this.#unsubscribe = source.subscribe((change) => this.#changed(change));
    this.#changed({ kind: 'frame', fresh: true });
  }

  /** Takes a theme that is read at the next paint, when the document has taken it too. */
  setTheme(read: () => Theme): void {
    this.#themeSource = read;
    this.#repaint();
  }

  /** Measures text anew, because fonts have arrived. */
  fontsChanged(): void {
    this.#painter.fontsChanged();
    this.#repaint();
  }

  setFill(metric: string | null): void {
    this.#fillMetric = metric;
    if (this.#source) this.model.setFill(metric, this.#source.nodes.values());
    for (const node of this.model.nodes.values()) node.shownLevel = node.level;
    this.#repaint();
  }

  /** Selects a node, or the one of that id when it comes. */
  setSelected(id: string | null): void {
    this.#selectedId = id;
    const node = this.#selectedNode();
    if (node === this.highlight.selected) return;
    this.highlight.selected = node;
    this.#highlightChanged();
  }

  /** Dims all nodes but these; null dims none. */
  setBright(ids: ReadonlySet<string> | null): void {
    if (ids === this.highlight.brightIds) return;
    this.highlight.brightIds = ids;
    this.#highlightChanged();
  }

  /** Marks what differs from another moment, and greys the rest. */
  setMarks(nodes: ReadonlyMap<string, NodeMark> | null, edges: ReadonlyMap<string, SceneEdge['mark']> | null): void {
    if (!nodes && !this.#comparing) return;
    this.model.setMarks(nodes, edges);
    this.#comparing = nodes !== null;
    this.#repaint();
  }

  /** Ids of what failed lately: their ghosts are marked as gone, those of others are only faint. */
  setFailed(ids: ReadonlySet<string>): void {
    this.#failed = ids;
    let differs = false;
    for (const ghost of this.#animator.ghosts) {
      const failed = ids.has(ghost.id);
      if (failed === ghost.failed) continue;
      ghost.failed = failed;
      differs = true;
    }
    if (differs) this.#repaint();
  }

  setHovered(node: SceneNode | null): void {
    const before = this.highlight.hovered;
    if (before === node) return;
    this.highlight.hovered = node;
    this.highlight.update(this.model);
    this.highlight.advance(this.model, 1);
    for (const touched of [before, node]) {
      if (!touched) continue;
      this.#damage.around(touched, true);
      this.#damage.edgesOf(touched);
    }
    this.#request();
  }

  setFocused(node: SceneNode | null): void {
    const before = this.highlight.focused;
    if (before === node) return;
    this.highlight.focused = node;
    for (const touched of [before, node]) if (touched) this.#damage.around(touched, true);
    this.#events.focused(node);
    this.#request();
  }

  /** Brings a node into the middle, near enough to be read, and gives it the keyboard. */
  focusNode(id: string): boolean {
    const node = this.model.nodes.get(id);
    if (!node) return false;
    this.camera.centre(node);
    this.setFocused(node);
    return true;
  }

  /** Walks to the next node in a direction and shows it. */
  moveFocus(direction: Direction): SceneNode | null {
    const from = this.highlight.focused ?? this.highlight.selected;
    const { width, height } = this.camera.view;
    const middle = toWorld(this.camera.at, width / 2, height / 2);
    const node = from ? (nextNode(this.model, from, direction) ?? from) : nearestNode(this.model, ...middle);
    if (!node) return null;
    this.camera.show(node);
    this.setFocused(node);
    return node;
  }

  /** Paints what was held back while the window was hidden. */
  wake(): void {
    this.#request();
  }

  resize(width: number, height: number, dpr: number, insets: Viewport['insets']): void {
    const before = this.camera.view.insets;
    const sameInsets = (['top', 'right', 'bottom', 'left'] as const).every((side) => before[side] === insets[side]);
    const resized = this.#surface.resize(width, height, dpr);
    if (!resized && sameInsets) return;
    if (resized) this.#fade.stop();
    this.camera.resize({ width, height, insets }, dpr, this.highlight.selected);
    this.#restSoon();
    this.#request();
  }

  /** Boxes stand for their nodes at this zoom. */
  get isFar(): boolean {
    return this.#detail().nodes === 'group';
  }

  nodeAt(x: number, y: number): SceneNode | null {
    const { at } = this.camera;
    const detail = this.#detail();
    const node = nodeAt(this.model, ...toWorld(at, x, y), at.zoom, detail.labels === 'both');
    return node && detail.nodes === 'group' && node.group ? null : node;
  }

  /** The body of a box under a point, while boxes stand for their nodes. */
  bodyAt(x: number, y: number): SceneGroup | null {
    if (!this.isFar) return null;
    const { at } = this.camera;
    const [wx, wy] = toWorld(at, x, y);
    const depth = bodyDepth(this.model.groups, at.zoom);
    return this.model.groups.find((g) => g.depth === depth && wx >= g.x && wx <= g.x + g.width && wy >= g.y && wy <= g.y + g.height) ?? null;
  }

  /** Nodes that can be seen, the important first. */
  visibleNodes(most: number): SceneNode[] {
    if (this.isFar) return [];
    const { at, view } = this.camera;
    const [x, y] = toWorld(at, 0, 0);
    const near = this.model.grid.query({ x, y, width: view.width / at.zoom, height: view.height / at.zoom });
    const seen = near.filter((node) => this.#isVisible(node, 0));
    if (seen.length > most) seen.sort(byImportance);
    return seen.slice(0, most);
  }

  /** The whole map as a vector drawing. */
  svg(title: string): string {
    return mapSvg(this.model, { theme: this.#themeSource?.() ?? this.#theme, comparing: this.#comparing, title });
  }

  /** The whole map as a PNG. */
  png(): Promise<Blob> {
    const { model, highlight } = this;
    return still({ model, highlight, theme: this.#themeSource?.() ?? this.#theme, now: performance.now(), comparing: this.#comparing });
  }

  #changed(change: ViewChange): void {
    const source = this.#source;
    if (!source) return;
    const { model } = this;
    const now = performance.now();
    const fresh = change.kind === 'frame' && change.fresh;
    const before = fresh ? new Map([...model.nodes].map(([id, node]) => [id, [node.targetX, node.targetY] as const])) : null;
    if (fresh) this.#animator.finish(model);
    if (change.kind === 'frame' || change.metrics) {
      model.setMetrics(source.metrics);
      model.fill.choose(this.#fillMetric, source.nodes.values());
    }
    const effect = this.#apply(change, source);
    this.#relink();
    const { nodes } = this.#detail();
    this.#animator.begin(model, effect, now, {
      animated: !fresh && !this.#reduced.matches && !this.#surface.isSlow,
      ghosts: change.kind === 'delta',
      levels: nodes === 'full' || nodes === 'shape',
      k: this.camera.at.zoom * this.#surface.dpr,
      isFailed: (node) => this.#failed.has(node.id),
      isVisible: (node) => this.#isVisible(node, 40),
    });
    if (effect.added.length + effect.removed.length + effect.moved.length > 0) {
      for (const node of model.nodes.values()) node.room = Number.NaN;
      this.#restSoon();
    }
    if (before) this.camera.opened(sameShare(model, before), now);
    else this.camera.follow(now);
    if (fresh) this.#surface.invalidateAll();
    else this.#damage.take(effect);
    this.#request();
  }

  #apply(change: ViewChange, source: SceneSource): Effect {
    if (change.kind === 'frame') return this.model.replace(source.nodes.values(), source.edges.values(), source.groups, source.metrics);
    return this.model.apply(
      pick(source.nodes, change.nodes),
      change.removed,
      pick(source.edges, change.edges),
      change.edgesRemoved,
      change.groups ? source.groups : null,
      change.metrics ? source.metrics : null,
    );
  }

  /** Nodes of the highlight that left are let go; what was to be selected may have come. */
  #relink(): void {
    const { highlight, model } = this;
    const alive = (node: SceneNode | null): SceneNode | null => (node && model.nodes.get(node.id) === node ? node : null);
    const { focused } = highlight;
    highlight.selected = this.#selectedNode();
    highlight.hovered = alive(highlight.hovered);
    highlight.focused = alive(focused);
    if (focused && !highlight.focused) this.#events.focused(null);
    if (highlight.isIdle && !this.#dimming) return;
    if (highlight.update(model)) this.#surface.invalidateAll();
    highlight.advance(model, 1);
  }

  #selectedNode(): SceneNode | null {
    return this.#selectedId === null ? null : (this.model.nodes.get(this.#selectedId) ?? null);
  }

  #highlightChanged(): void {
    this.highlight.update(this.model);
    this.#dimStart = performance.now();
    this.#dimming = true;
    this.#repaint();
  }

  #detail(): Detail {
    return detailAt(this.camera.at.zoom, this.model.groups.length > 0);
  }

  #isVisible(node: SceneNode, margin: number): boolean {
    const { at, view } = this.camera;
    const x = node.x * at.zoom + at.x;
    const y = node.y * at.zoom + at.y;
    return x >= -margin && y >= -margin && x <= view.width + margin && y <= view.height + margin;
  }

  #cameraMoved(from: Camera, to: Camera): void {
    if (from.zoom === to.zoom) this.#surface.shiftPending(to.x - from.x, to.y - from.y);
    else this.#zoomedAt = performance.now();
    this.#restSoon();
    this.#request();
  }

  #restSoon(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => this.#events.rested(), OVERLAY_REST_MS);
  }

  #repaint(): void {
    this.#surface.invalidateAll();
    this.#request();
  }

  #request(): void {
    if (this.#frameRequest === 0) this.#frameRequest = requestAnimationFrame(() => this.#frame());
  }

  #requestIn(ms: number): void {
    clearTimeout(this.#wakeTimer);
    this.#wakeTimer = window.setTimeout(() => this.#request(), Math.max(FRAME_MS, ms));
  }

  #frame(): void {
    this.#frameRequest = 0;
    const now = performance.now();
    this.#measure(now);
    if (this.#surface.width === 0 || document.visibilityState === 'hidden') return;
    if (this.#themeSource) {
      this.#theme = this.#themeSource();
      this.#themeSource = null;
    }
    this.camera.advance(now);
    this.#advanceDim(now);
    const step = this.#animator.advance(this.model, now, this.camera.at.zoom * this.#surface.dpr);
    if (step.all) this.#surface.invalidateAll();
    for (const node of step.bodies) this.#surface.invalidateBody(node);
    for (const node of step.around) this.#damage.around(node);
    if (!this.#preview(now)) this.#paint(now);
    if (step.running || this.camera.isFlying || this.#dimming) this.#request();
    else if (step.wakeAt > 0) this.#requestIn(step.wakeAt - now);
  }

  /** The browser rasterises after the call: how late the next frame comes is part of what a picture costs. */
  #measure(now: number): void {
    const full = this.#fullPaint;
    if (!full) return;
    this.#fullPaint = null;
    const late = now - full.at - FRAME_MS;
    this.#surface.measured(late > full.took && late < HELD_BACK_MS ? late : full.took);
  }

  #advanceDim(now: number): void {
    if (!this.#dimming) return;
    const t = this.#reduced.matches || this.#surface.isSlow ? 1 : progress(now, this.#dimStart, DIM_MS);
    this.highlight.advance(this.model, t);
    this.#surface.invalidateAll();
    if (t >= 1) this.#dimming = false;
  }

  /** A picture that takes long is shown as it was while the zoom goes on, and painted when it rests. */
  #preview(now: number): boolean {
    const zooming = now - this.#zoomedAt < PREVIEW_REST_MS;
    if (!this.#surface.isSlow || !zooming || this.#paintedLevel < 0 || now - this.#sharpAt >= MOST_PREVIEW_MS) return false;
    this.#surface.preview(this.camera.at, this.#theme.map);
    this.#requestIn(PREVIEW_REST_MS);
    return true;
  }

  #paint(now: number): void {
    const surface = this.#surface;
    const { at } = this.camera;
    const { level } = this.#detail();
    if (this.#paintedLevel >= 0 && level !== this.#paintedLevel && !surface.isSlow) this.#fade.start(surface, at, this.#reduced.matches);
    this.#paintedLevel = level;
    const took = surface.paint(this.#painter, {
      model: this.model,
      highlight: this.highlight,
      theme: this.#theme,
      camera: at,
      dpr: surface.dpr,
      now,
      ghosts: this.#animator.ghosts,
      comparing: this.#comparing,
    });
    this.#fade.follow(at);
    this.#sharpAt = now;
    if (took === 0) return;
    this.#fullPaint = { at: now, took };
    this.#request();
  }
}

/** Share of the nodes that stand where nodes of their id stood before. */
function sameShare(model: SceneModel, before: ReadonlyMap<string, readonly [number, number]>): number {
  let same = 0;
  for (const node of model.nodes.values()) {
    const place = before.get(node.id);
    if (place && Math.abs(place[0] - node.targetX) < 1 && Math.abs(place[1] - node.targetY) < 1) same++;
  }
  return model.nodes.size === 0 ? 0 : same / model.nodes.size;
}
