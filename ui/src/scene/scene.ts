/** The map: a view's nodes on a canvas, looked at through a camera. Free of any framework. */

import { Animator } from './animator';
import { between, type Camera, centreOn, fitTo, keepInView, MAP_INSETS, nudgeInto, pan, snapped, toWorld, type Viewport, zoomAt } from './camera';
import { Fade } from './fade';
import { easeOut, progress } from './ease';
import { CAMERA_MS, DIM_MS, OVERLAY_REST_MS, PREVIEW_REST_MS, SETTLE_MS } from './limits';
import { bodyDepth } from './links';
import { detailAt } from './lod';
import { Highlight } from './look';
import { type Effect, SceneModel } from './model';
import { byImportance, type NodeMark, paintRect, type SceneEdge, type SceneGroup, type SceneNode } from './nodes';
import { Painter } from './painter';
import { pick, type SceneSource } from './source';
import { Surface } from './surface';
import type { Theme } from './theme';
import { type Direction, nearestNode, nextNode, nodeAt } from './walk';
import type { ViewChange } from '../state/view.svelte';

/** What the scene tells its owner. */
export interface SceneEvents {
  zoomed?(percent: number): void;
  /** The keyboard's node changed; none when it is gone. */
  focused(node: SceneNode | null): void;
  /** The camera rests, or what is under it changed: the accessible list may follow. */
  rested(): void;
}

/** Least zoom at which a node that is asked for is shown. */
const FOCUS_ZOOM = 0.6;
/** More changes than this are painted as a whole. */
const MANY_CHANGES = 200;
/** Time between two frames of the screen, in ms. */
const FRAME_MS = 17;
/** Half the width that a node with its label takes, in layout units. */
const SEEN_HALF = 50;
/** Labels may reach this far from their node, in CSS px, when what is around it is painted again. */
const LABEL_HALF_PX = 215;

export class Scene {
  readonly model = new SceneModel();
  readonly highlight = new Highlight();
  camera: Camera = { zoom: 1, x: 0, y: 0 };

  readonly #surface: Surface;
  readonly #painter: Painter;
  readonly #animator = new Animator();
  readonly #fade: Fade;
  readonly #events: SceneEvents;
  readonly #reduced = matchMedia('(prefers-reduced-motion: reduce)');
  #theme: Theme;
  #themeSource: (() => Theme) | null = null;
  #source: SceneSource | null = null;
  #unsubscribe: (() => void) | null = null;
  #fillMetric: string | null = null;
  #insets: Viewport['insets'] = MAP_INSETS;
  #comparing = false;

  #frameRequest = 0;
  #wakeTimer = 0;
  #restTimer = 0;
  #flight: { from: Camera; to: Camera; start: number } | null = null;
  #dimStart = 0;
  #dimming = false;
  #paintedLevel = -1;
  #zoomedAt = 0;
  #sharpAt = 0;
  #fullPaint: { at: number; took: number } | null = null;
  /** The camera was moved by hand: it follows nothing by itself any more. */
  #touched = false;
  #openedAt = 0;
  #fitted = false;

  constructor(canvas: HTMLCanvasElement, fadeCanvas: HTMLCanvasElement, theme: Theme, events: SceneEvents) {
    this.#surface = new Surface(canvas);
    this.#fade = new Fade(fadeCanvas);
    this.#painter = new Painter(theme);
    this.#theme = theme;
    this.#events = events;
  }

  destroy(): void {
    this.#unsubscribe?.();
    cancelAnimationFrame(this.#frameRequest);
    clearTimeout(this.#wakeTimer);
    clearTimeout(this.#restTimer);
    this.#fade.stop();
  }

  // ——— what is shown

  setSource(source: SceneSource): void {
    this.#unsubscribe?.();
    this.#source = source;
    this.#unsubscribe = source.subscribe((change) => this.#changed(change));
    this.#changed({ kind: 'frame', fresh: true });
  }

  /** Takes a theme that is read at the next paint, when the document has taken it too. */
  setTheme(read: () => Theme): void {
    this.#themeSource = read;
    this.#surface.invalidateAll();
    this.#request();
  }

  fontsChanged(): void {
    this.#painter.fontsChanged();
    for (const node of this.model.nodes.values()) node.room = Number.NaN;
    this.#surface.invalidateAll();
    this.#request();
  }

  setFill(metric: string | null): void {
    this.#fillMetric = metric;
    if (this.#source) this.model.setFill(metric, this.#source.nodes.values());
    for (const node of this.model.nodes.values()) node.shownLevel = node.level;
    this.#surface.invalidateAll();
    this.#request();
  }

  setSelected(id: string | null): void {
    const node = id === null ? null : (this.model.nodes.get(id) ?? null);
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

  setMarks(nodes: ReadonlyMap<string, NodeMark> | null, edges: ReadonlyMap<string, SceneEdge['mark']> | null, comparing: boolean): void {
    this.model.setMarks(nodes, edges);
    this.#comparing = comparing;
    this.#surface.invalidateAll();
    this.#request();
  }

  setHovered(node: SceneNode | null): void {
    const before = this.highlight.hovered;
    if (before === node) return;
    this.highlight.hovered = node;
    this.highlight.update(this.model);
    this.highlight.advance(this.model, 1);
    for (const touched of [before, node]) {
      if (!touched) continue;
      this.#invalidateAround(touched, LABEL_HALF_PX);
      for (const edge of [...touched.out, ...touched.in]) this.#invalidateEdge(edge);
    }
    this.#request();
  }

  // ——— where from

  get view(): Viewport {
    return { width: this.#surface.width, height: this.#surface.height, insets: this.#insets };
  }

  get isFar(): boolean {
    return detailAt(this.camera.zoom, this.model.groups.length > 0).nodes === 'group';
  }

  /** Paints what was held back while the window was hidden. */
  wake(): void {
    this.#request();
  }

  setInsets(insets: Viewport['insets']): void {
    this.#insets = insets;
  }

  resize(width: number, height: number, dpr: number, insets: Viewport['insets']): void {
    const before = this.view;
    this.#insets = insets;
    if (!this.#surface.resize(width, height, dpr)) return;
    this.#fade.stop();
    const settled = this.#fitted && before.width > 0;
    if (!this.#touched && this.model.nodes.size > 0) {
      const wanted = fitTo(this.model.bounds, this.view);
      // What still fits stays where it is: a card that opens must not push the map from under the pointer.
      const keeps = settled && Math.abs(wanted.zoom - this.camera.zoom) < 0.01;
      this.#fitted = true;
      this.#flyTo(keeps ? nudgeInto(this.camera, this.model.bounds, this.view) : wanted, settled);
    } else if (this.highlight.selected) this.#show(this.highlight.selected);
    this.#cameraRests();
    this.#request();
  }

  fit(animated = true): void {
    this.#touched = false;
    this.#flyTo(fitTo(this.model.bounds, this.view), animated);
  }

  fitGroup(group: SceneGroup): void {
    this.#touched = true;
    this.#flyTo(fitTo(group, this.view), true);
  }

  panBy(dx: number, dy: number): void {
    this.#touched = true;
    this.#flight = null;
    this.#moveCamera(keepInView(pan(this.camera, dx, dy), this.model.bounds, this.view));
  }

  /** Zooms about a point of the view, at once; about its middle, smoothly, when none is given. */
  zoomBy(factor: number, x?: number, y?: number): void {
    this.#touched = true;
    if (x === undefined || y === undefined) {
      const from = this.#flight?.to ?? this.camera;
      this.#flyTo(zoomAt(from, factor, this.#surface.width / 2, this.#surface.height / 2), true);
      return;
    }
    this.#flight = null;
    this.#moveCamera(keepInView(zoomAt(this.camera, factor, x, y), this.model.bounds, this.view));
  }

  zoomInAt(factor: number, x: number, y: number): void {
    this.#touched = true;
    this.#flyTo(zoomAt(this.camera, factor, x, y), true);
  }

  /** Brings a node into the middle, near enough to be read, and gives it the keyboard. */
  focusNode(id: string): boolean {
    const node = this.model.nodes.get(id);
    if (!node) return false;
    this.#touched = true;
    this.#flyTo(centreOn(this.camera, this.view, node.targetX, node.targetY, FOCUS_ZOOM), true);
    this.setFocused(node);
    return true;
  }

  setFocused(node: SceneNode | null): void {
    const before = this.highlight.focused;
    if (before === node) return;
    this.highlight.focused = node;
    for (const touched of [before, node]) if (touched) this.#invalidateAround(touched, LABEL_HALF_PX);
    this.#events.focused(node);
    this.#request();
  }

  /** Walks to the next node in a direction and shows it. */
  moveFocus(direction: Direction): SceneNode | null {
    const from = this.highlight.focused ?? this.highlight.selected;
    const middle = toWorld(this.camera, this.#surface.width / 2, this.#surface.height / 2);
    const node = from ? (nextNode(this.model, from, direction) ?? from) : nearestNode(this.model, ...middle);
    if (!node) return null;
    this.#show(node);
    this.setFocused(node);
    return node;
  }

  // ——— what is where

  nodeAt(x: number, y: number): SceneNode | null {
    const [wx, wy] = toWorld(this.camera, x, y);
    const detail = detailAt(this.camera.zoom, this.model.groups.length > 0);
    const node = nodeAt(this.model, wx, wy, this.camera.zoom, detail.labels === 'both');
    return node && detail.nodes === 'group' && node.group ? null : node;
  }

  /** The body of a box under a point, while boxes stand for their nodes. */
  bodyAt(x: number, y: number): SceneGroup | null {
    if (!this.isFar) return null;
    const [wx, wy] = toWorld(this.camera, x, y);
    const depth = bodyDepth(this.model.groups, this.camera.zoom);
    return this.model.groups.find((g) => g.depth === depth && wx >= g.x && wx <= g.x + g.width && wy >= g.y && wy <= g.y + g.height) ?? null;
  }

  /** Nodes that can be seen, the important first. */
  visibleNodes(most: number): SceneNode[] {
    if (this.isFar) return [];
    const { zoom } = this.camera;
    const [x, y] = toWorld(this.camera, 0, 0);
    const area = { x, y, width: this.#surface.width / zoom, height: this.#surface.height / zoom };
    const seen = this.model.grid.query(area).filter((n) => n.x >= area.x && n.x <= area.x + area.width && n.y >= area.y && n.y <= area.y + area.height);
    if (seen.length > most) seen.sort(byImportance);
    return seen.slice(0, most);
  }

  // ——— changes

  #changed(change: ViewChange): void {
    const source = this.#source;
    if (!source) return;
    const now = performance.now();
    const fresh = change.kind === 'frame' && change.fresh;
    if (fresh) {
      this.#animator.finish(this.model);
      if (this.model.fill.metrics !== source.metrics) this.model.setMetrics(source.metrics);
      this.model.fill.choose(this.#fillMetric, source.nodes.values());
    }
    const before = fresh ? this.#positions() : null;
    const effect =
      change.kind === 'frame'
        ? this.model.replace(source.nodes.values(), source.edges.values(), source.groups, source.metrics)
        : this.model.apply(
            pick(source.nodes, change.nodes),
            change.removed,
            pick(source.edges, change.edges),
            change.edgesRemoved,
            change.groups ? source.groups : null,
            change.metrics ? source.metrics : null,
          );
    if (change.kind === 'delta' && change.metrics) this.model.fill.choose(this.#fillMetric, source.nodes.values());
    this.#relink();
    const animated = !fresh && !this.#reduced.matches && !this.#surface.isSlow;
    const { nodes } = detailAt(this.camera.zoom, this.model.groups.length > 0);
    this.#animator.begin(this.model, effect, now, {
      animated,
      ghosts: change.kind === 'delta',
      levels: nodes === 'full' || nodes === 'shape',
      isVisible: (node) => this.#isVisible(node),
    });
    if (before) this.#openedAs(before, now);
    else this.#followContent(now);
    this.#invalidateEffect(effect, fresh);
    this.#request();
  }

  /** Nodes of the highlight that left are let go. */
  #relink(): void {
    const { highlight, model } = this;
    const alive = (node: SceneNode | null): SceneNode | null => (node && model.nodes.get(node.id) === node ? node : null);
    const { selected, focused } = highlight;
    highlight.selected = alive(selected);
    highlight.hovered = alive(highlight.hovered);
    highlight.focused = alive(focused);
    if (focused && !highlight.focused) this.#events.focused(null);
    if (highlight.isIdle && !this.#dimming) return;
    if (highlight.update(model)) this.#surface.invalidateAll();
    highlight.advance(model, 1);
  }

  #positions(): Map<string, [number, number]> {
    return new Map([...this.model.nodes.values()].map((node) => [node.id, [node.targetX, node.targetY]]));
  }

  /** Another view is open: the camera stays when most of what was there still stands where it stood. */
  #openedAs(before: Map<string, [number, number]>, now: number): void {
    let same = 0;
    for (const node of this.model.nodes.values()) {
      const place = before.get(node.id);
      if (place && Math.abs(place[0] - node.targetX) < 1 && Math.abs(place[1] - node.targetY) < 1) same++;
    }
    this.#openedAt = now;
    if (this.#fitted && same * 2 > this.model.nodes.size) return;
    this.#fitted = this.model.nodes.size > 0 && this.#surface.width > 0;
    this.fit(false);
  }

  /** While a view fills for the first time and nobody has moved the camera, it shows all there is. */
  #followContent(now: number): void {
    if (this.#touched || this.#reduced.matches || now > this.#openedAt + SETTLE_MS) {
      if (this.#fitted) return;
    }
    if (this.model.nodes.size === 0) return;
    const wasFitted = this.#fitted;
    this.#fitted = true;
    const wanted = snapped(fitTo(this.model.bounds, this.view), this.#surface.dpr);
    const { zoom, x, y } = this.#flight?.to ?? this.camera;
    if (Math.abs(wanted.zoom - zoom) > 1e-4 || Math.abs(wanted.x - x) + Math.abs(wanted.y - y) > 2) this.fit(wasFitted);
  }

  #invalidateEffect(effect: Effect, fresh: boolean): void {
    const { added, removed, moved, edges, looks } = effect;
    const changed = added.length + removed.length + edges.length;
    if (added.length + removed.length + moved.length > 0) {
      for (const node of this.model.nodes.values()) node.room = Number.NaN;
      this.#cameraRests();
    }
    if (fresh || effect.groups || moved.length > 0 || changed > MANY_CHANGES || (changed > 0 && this.isFar)) {
      this.#surface.invalidateAll();
      return;
    }
    if (this.isFar) {
      this.#invalidateLevels(effect.levels);
      return;
    }
    if (detailAt(this.camera.zoom, true).nodes === 'mark') effect.bodies.length = 0;
    for (const node of effect.bodies) {
      if (Number.isNaN(node.shownLevel) || this.highlight.showsValue(node)) this.#surface.invalidateBody(node);
    }
    for (const node of [...looks, ...added, ...removed]) this.#invalidateAround(node, LABEL_HALF_PX);
    for (const edge of edges) {
      this.#invalidateEdge(edge);
      // Its neighbours share sides with it, and move over.
      for (const end of [edge.source, edge.target]) for (const other of [...end.out, ...end.in]) this.#invalidateEdge(other);
    }
  }

  /** Boxes that stand for their nodes are painted when their level differs by a row of pixels. */
  #invalidateLevels(levels: readonly [SceneGroup, number][]): void {
    const depth = bodyDepth(this.model.groups, this.camera.zoom);
    const { zoom, x, y } = this.camera;
    for (const [group, before] of levels) {
      const height = group.height * zoom * this.#surface.dpr;
      if (group.depth !== depth || Math.round(before * height) === Math.round(group.level * height)) continue;
      this.#surface.invalidate({ x: group.x * zoom + x, y: group.y * zoom + y, width: group.width * zoom, height: group.height * zoom });
    }
  }

  #highlightChanged(): void {
    this.highlight.update(this.model);
    this.#dimStart = performance.now();
    this.#dimming = true;
    this.#surface.invalidateAll();
    this.#request();
  }

  #invalidateAround(node: SceneNode, half: number): void {
    this.#surface.invalidate(paintRect(node, this.camera, half));
  }

  #invalidateEdge(edge: SceneEdge): void {
    const { zoom, x, y } = this.camera;
    const { source, target } = edge;
    const reach = 84 * zoom + 4;
    const left = Math.min(source.x, target.x) * zoom + x - reach;
    const top = Math.min(source.y, target.y) * zoom + y - reach;
    const width = Math.abs(source.x - target.x) * zoom + 2 * reach;
    this.#surface.invalidate({ x: left, y: top, width, height: Math.abs(source.y - target.y) * zoom + 2 * reach });
  }

  #isVisible(node: SceneNode): boolean {
    const { zoom, x, y } = this.camera;
    const sx = node.x * zoom + x;
    const sy = node.y * zoom + y;
    return sx > -40 && sy > -40 && sx < this.#surface.width + 40 && sy < this.#surface.height + 40;
  }

  // ——— camera

  /** Moves as little as it takes to see a node with its label, near enough to be read. */
  #show(node: SceneNode): void {
    const from = this.#flight?.to ?? this.camera;
    const seen = { x: node.targetX - SEEN_HALF, y: node.targetY - node.top - 8, width: 2 * SEEN_HALF, height: node.top + node.foot + 12 };
    const to = from.zoom < FOCUS_ZOOM / 2 ? centreOn(from, this.view, node.targetX, node.targetY, FOCUS_ZOOM) : nudgeInto(from, seen, this.view);
    if (to.zoom === from.zoom && to.x === from.x && to.y === from.y) return;
    this.#touched = true;
    this.#flyTo(to, true);
  }

  #flyTo(to: Camera, animated: boolean): void {
    const target = snapped(to, this.#surface.dpr);
    if (!animated || this.#reduced.matches || this.#surface.width === 0) {
      this.#flight = null;
      this.#moveCamera(target);
      return;
    }
    this.#flight = { from: this.camera, to: target, start: performance.now() };
    this.#request();
  }

  #moveCamera(to: Camera): void {
    const camera = snapped(to, this.#surface.dpr);
    const { zoom, x, y } = this.camera;
    if (camera.zoom === zoom && camera.x === x && camera.y === y) return;
    if (camera.zoom === zoom) this.#surface.shiftPending(camera.x - x, camera.y - y);
    this.camera = camera;
    if (camera.zoom !== zoom) {
      this.#zoomedAt = performance.now();
      this.#events.zoomed?.(Math.round(camera.zoom * 100));
    }
    this.#cameraRests();
    this.#request();
  }

  #cameraRests(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => this.#events.rested(), OVERLAY_REST_MS);
  }

  // ——— painting

  #request(): void {
    if (this.#frameRequest === 0) this.#frameRequest = requestAnimationFrame(() => this.#frame());
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
    this.#advanceFlight(now);
    this.#advanceDim(now);
    const step = this.#animator.advance(this.model, now, this.camera.zoom * this.#surface.dpr);
    if (step.all) this.#surface.invalidateAll();
    for (const node of step.bodies) this.#surface.invalidateBody(node);
    for (const node of step.around) this.#invalidateAround(node, 100);
    this.#paint(now);
    if (step.running || this.#flight || this.#dimming) this.#request();
    else if (step.wakeAt > 0) this.#wake(step.wakeAt - now);
  }

  /** The browser rasterises after the call: how late the next frame comes is part of what a picture costs. */
  #measure(now: number): void {
    const full = this.#fullPaint;
    if (!full) return;
    this.#fullPaint = null;
    const late = now - full.at - FRAME_MS;
    this.#surface.measured(late > full.took && late < 2000 ? late : full.took);
  }

  #wake(ms: number): void {
    clearTimeout(this.#wakeTimer);
    this.#wakeTimer = window.setTimeout(() => this.#request(), Math.max(16, ms));
  }

  #advanceFlight(now: number): void {
    if (!this.#flight) return;
    const { from, to, start } = this.#flight;
    const t = progress(now, start, CAMERA_MS);
    if (t >= 1) this.#flight = null;
    this.#moveCamera(between(from, to, easeOut(t), this.view));
  }

  #advanceDim(now: number): void {
    if (!this.#dimming) return;
    const quick = this.#reduced.matches || this.#surface.isSlow;
    const t = quick ? 1 : progress(now, this.#dimStart, DIM_MS);
    this.highlight.advance(this.model, t);
    this.#surface.invalidateAll();
    if (t >= 1) this.#dimming = false;
  }

  #paint(now: number): void {
    const surface = this.#surface;
    const zooming = now - this.#zoomedAt < PREVIEW_REST_MS;
    // A picture that takes long is shown as it was while the zoom goes on, and painted when it rests.
    if (surface.isSlow && zooming && this.#paintedLevel >= 0 && now - this.#sharpAt < 4 * PREVIEW_REST_MS) {
      surface.preview(this.camera, this.#theme.map);
      this.#wake(PREVIEW_REST_MS);
      return;
    }
    const { level } = detailAt(this.camera.zoom, this.model.groups.length > 0);
    if (this.#paintedLevel >= 0 && level !== this.#paintedLevel && !surface.isSlow) this.#fade.start(surface, this.camera, this.#reduced.matches);
    this.#paintedLevel = level;
    const took = surface.paint(this.#painter, {
      model: this.model,
      highlight: this.highlight,
      theme: this.#theme,
      camera: this.camera,
      dpr: surface.dpr,
      now,
      ghosts: this.#animator.ghosts,
      comparing: this.#comparing,
    });
    this.#fade.follow(this.camera);
    this.#sharpAt = now;
    if (took > 0) {
      this.#fullPaint = { at: now, took };
      this.#request();
    }
  }
}
