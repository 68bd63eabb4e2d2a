import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ViewStore } from '../../state/view.svelte';
import type { ViewFrame } from '../../generated/ViewFrame';
import type { ViewNode } from '../../generated/ViewNode';
import { synthetic } from '../dev/synthetic';
import { FIT_MAX_ZOOM, GHOST_MS, GONE_MS } from '../limits';
import { Scene } from '../scene';
import { readTheme } from '../theme';
import { CPU, edge, group, node, reading } from './make';

/** Calls on the visible canvas since they were last taken. */
let calls: { name: string; args: unknown[] }[] = [];
let scene: Scene;
let rested = 0;
let focused: (string | null)[] = [];

/** jsdom has no canvas: what is drawn on it is written down instead. */
function recorder(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const state: Record<string, unknown> = { canvas };
  return new Proxy(state, {
    get(target, name: string) {
      if (name in target) return target[name];
      if (name === 'measureText') return (text: string) => ({ width: text.length * 6 });
      return (...args: unknown[]) => {
        for (const arg of args) if (typeof arg === 'number' && !Number.isFinite(arg)) throw new Error(`${name} was given ${arg}`);
        if (canvas.dataset.role === 'map') calls.push({ name, args });
      };
    },
    set(target, name: string, value) {
      target[name] = value;
      return true;
    },
  }) as unknown as CanvasRenderingContext2D;
}

function take(): { name: string; args: unknown[] }[] {
  const taken = calls;
  calls = [];
  return taken;
}

/** True when the whole canvas was painted, by the extent of the clips. */
function paintedAll(taken: { name: string; args: unknown[] }[]): boolean {
  return taken.some(({ name, args }) => name === 'rect' && args[2] === 800 && args[3] === 600);
}

function run(ms = 700): void {
  vi.advanceTimersByTime(ms);
}

function frame(nodes: ViewNode[], more: Partial<ViewFrame> = {}): ViewFrame {
  return {
    seq: 1, at_ms: 0, nodes, edges: [], groups: [], metrics: [CPU], truncated_nodes: 0,
    stats: { node_count: nodes.length, nonpseudo_node_count: nodes.length, edge_count: 0, filtered_nodes: 0 },
    ...more,
  };
}

let store: ViewStore;

function delta(nodes: ViewNode[], removed: string[] = [], groups: ViewFrame['groups'] | null = null): void {
  const base = store.seq;
  store.receive({
    type: 'delta', base, seq: base + 1, at_ms: 0, nodes, nodes_removed: removed, edges: [], edges_removed: [], groups, metrics: null, truncated_nodes: 0,
    stats: store.stats,
  });
}

function open(picture: ViewFrame): void {
  store.receive({ type: 'frame', ...picture });
  scene.setFill('CPU');
  scene.setSource(store);
  run();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['requestAnimationFrame', 'cancelAnimationFrame', 'performance', 'setTimeout', 'clearTimeout', 'Date'] });
  vi.stubGlobal('Path2D', class {});
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(function (this: HTMLCanvasElement) {
    return recorder(this) as never;
  });
  calls = [];
  rested = 0;
  focused = [];
  const canvas = document.createElement('canvas');
  canvas.dataset.role = 'map';
  scene = new Scene(canvas, document.createElement('canvas'), readTheme('dark', () => '#123456'), {
    focused: (node) => focused.push(node?.id ?? null),
    rested: () => {
      rested += 1;
    },
  });
  scene.resize(800, 600, 1, { top: 0, right: 0, bottom: 0, left: 0 });
  store = new ViewStore();
});

afterEach(() => {
  scene.destroy();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const GRID = Array.from({ length: 12 }, (_, i) => node(`n${i}`, (i % 4) * 112, Math.floor(i / 4) * 104, reading(i * 8)));

describe('the scene', () => {
  it('fits what it is first given, and paints it once', () => {
    open(frame(GRID));
    expect(scene.camera.at.zoom).toBe(FIT_MAX_ZOOM);
    expect(scene.visibleNodes(300)).toHaveLength(12);
    expect(take().filter(({ name, args }) => name === 'rect' && args[2] === 800 && args[3] === 600)).toHaveLength(1);
    expect(rested).toBeGreaterThan(0);
  });

  it('moves from under a card that covers it, to the middle of what is left', () => {
    open(frame(GRID));
    const free = { top: 0, right: 0, bottom: 0, left: 0 };
    const before = scene.camera.at;
    scene.resize(800, 600, 1, { ...free, bottom: 20 });
    run();
    expect(scene.camera.at).toEqual(before);
    scene.resize(800, 600, 1, { ...free, right: 300 });
    run();
    const [left, right] = [scene.model.bounds.x, scene.model.bounds.x + scene.model.bounds.width].map((x) => x * scene.camera.at.zoom + scene.camera.at.x);
    expect(left).toBeGreaterThanOrEqual(0);
    expect(right).toBeLessThanOrEqual(500);
    expect(Math.abs((left ?? 0) - (500 - (right ?? 0)))).toBeLessThan(2);
  });

  it('goes to the middle beside a card though it would not be covered, and stays for a little', () => {
    open(frame([node('a', 0, 0)]));
    const middle = (): number => (scene.model.bounds.x + scene.model.bounds.width / 2) * scene.camera.at.zoom + scene.camera.at.x;
    scene.resize(760, 600, 1, { top: 0, right: 0, bottom: 0, left: 0 });
    run();
    expect(Math.abs(middle() - 400)).toBeLessThan(2);
    scene.resize(420, 600, 1, { top: 0, right: 0, bottom: 0, left: 0 });
    run();
    expect(Math.abs(middle() - 210)).toBeLessThan(2);
  });

  it('paints nothing while nothing changes', () => {
    open(frame(GRID));
    take();
    run(5000);
    delta([]);
    run(5000);
    expect(take()).toEqual([]);
  });

  it('paints a new reading in its place alone', () => {
    open(frame(GRID));
    take();
    delta([{ ...(GRID[3] as ViewNode), ...reading(90) }]);
    run();
    const taken = take();
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.filter(({ name }) => name === 'clip' || name === 'fillRect')).toEqual([]);
    expect(scene.model.nodes.get('n3')?.shownLevel).toBe(0.9);
  });

  it('paints a box whose facts changed by its head alone', () => {
    const box = (facts: string): ViewFrame['groups'] => [group('h', null, -60, -60, 500, 500, { facts })];
    open(frame(GRID.map((view) => ({ ...view, group: 'h' })), { groups: box('load 1') }));
    take();
    delta([], [], box('load 2'));
    run();
    const taken = take();
    expect(taken.length).toBeGreaterThan(0);
    expect(paintedAll(taken)).toBe(false);
  });

  it('shifts the picture when it is panned, and paints the strips', () => {
    open(frame(GRID));
    take();
    scene.camera.panBy(-7, 4);
    run();
    const taken = take();
    expect(taken[1]?.name === 'drawImage' || taken.some(({ name, args }) => name === 'drawImage' && args[1] === -7 && args[2] === 4)).toBe(true);
    const clips = taken.filter(({ name, args }) => name === 'rect' && args.length === 4 && (args[2] === 7 || args[3] === 4));
    expect(clips.map(({ args }) => args)).toEqual([[793, 0, 7, 600], [0, 0, 800, 4]]);
    expect(paintedAll(taken)).toBe(false);
  });

  it('holds still when nodes come and go', () => {
    open(frame(GRID));
    scene.camera.panBy(10, 10);
    run();
    const { at } = scene.camera;
    delta([node('new', 2000, 2000)], ['n0']);
    run();
    expect(scene.camera.at).toEqual(at);
    expect(scene.model.nodes.get('n5')).toMatchObject({ x: 112, y: 104 });
  });

  it('follows a view that fills for the first time', () => {
    open(frame(GRID));
    delta([node('far', 3000, 2000)]);
    run();
    expect(scene.camera.at.zoom).toBeLessThan(0.5);
  });

  it('stays where it was when the same view is opened with another filter', () => {
    open(frame(GRID));
    scene.camera.zoomAt(1.6, 100, 100);
    const { at } = scene.camera;
    store.show({ topology: 'x', options: {}, query: 'q', group: [], at_ms: null });
    store.receive({ type: 'frame', ...frame(GRID.slice(0, 8)) });
    run();
    expect(scene.camera.at).toEqual(at);
    store.show({ topology: 'y', options: {}, query: '', group: [], at_ms: null });
    store.receive({ type: 'frame', ...frame([node('other', 4000, 100)]) });
    run();
    expect(scene.camera.at).not.toEqual(at);
  });

  it('selects a node that comes later, and lets it go when it leaves', () => {
    open(frame(GRID));
    scene.setSelected('late');
    expect(scene.highlight.selected).toBeNull();
    delta([node('late', 300, 300)]);
    run();
    expect(scene.highlight.selected?.id).toBe('late');
    expect(scene.model.nodes.get('n0')?.dim).toBe(1);
    delta([], ['late']);
    run();
    expect(scene.highlight.selected).toBeNull();
    expect(scene.model.nodes.get('n0')?.dim).toBe(0);
  });

  it('dims what a search leaves out, and keeps the neighbours of the selection bright', () => {
    open(frame(GRID, { edges: [edge('n0', 'n1'), edge('n2', 'n3')] }));
    scene.setSelected('n0');
    run();
    const dims = (): (number | undefined)[] => ['n0', 'n1', 'n2'].map((id) => scene.model.nodes.get(id)?.dim);
    expect(dims()).toEqual([0, 0, 1]);
    expect([...scene.model.edges.values()].map((e) => [e.high, e.dim])).toEqual([[true, 0], [false, 1]]);
    scene.setSelected(null);
    scene.setBright(new Set(['n2']));
    run();
    expect(dims()).toEqual([1, 1, 0]);
    scene.setBright(null);
    run();
    expect(dims()).toEqual([0, 0, 0]);
  });

  it('lets what died stay a while as a ghost, and then paints it no more', () => {
    open(frame(GRID));
    delta([], ['n0']);
    run();
    take();
    run(GHOST_MS + GONE_MS + 500);
    expect(take().length).toBeGreaterThan(0);
    run(10_000);
    expect(take()).toEqual([]);
  });

  it('gives a badge to the ghost of what failed, also when that is learnt later, and none to what simply ended', () => {
    const badges = () => take().filter(({ name }) => name === 'arc').length;
    open(frame(GRID));
    scene.setFailed(new Set(['n1']));
    take();
    delta([], ['n0']);
    run(GONE_MS);
    expect(badges()).toBe(0);
    delta([], ['n1']);
    run(GONE_MS);
    expect(badges()).toBeGreaterThan(0);
    scene.setFailed(new Set());
    run(GONE_MS);
    expect(badges()).toBe(0);
    scene.setFailed(new Set(['n0']));
    run(GONE_MS);
    expect(badges()).toBeGreaterThan(0);
  });

  it('moves nodes to their new places when they are arranged anew', () => {
    open(frame(GRID));
    delta(GRID.map((view) => ({ ...view, x: view.x + 50 })));
    run(100);
    const moving = scene.model.nodes.get('n0')?.x ?? 0;
    expect(moving).toBeGreaterThan(0);
    expect(moving).toBeLessThan(50);
    run();
    expect(scene.model.nodes.get('n0')?.x).toBe(50);
    expect(scene.model.grid.query({ x: 49, y: -1, width: 2, height: 2 })).toContain(scene.model.nodes.get('n0'));
  });

  it('tells when the keyboard loses its node', () => {
    open(frame(GRID));
    expect(scene.focusNode('n5')).toBe(true);
    expect(scene.moveFocus('right')?.id).toBe('n6');
    expect(scene.focusNode('nowhere')).toBe(false);
    delta([], ['n6']);
    run();
    expect(focused).toEqual(['n5', 'n6', null]);
  });

  it('draws every level of detail of a large map, with everything that can stand out', () => {
    const picture = synthetic(600);
    open(picture);
    scene.setSelected(picture.nodes[5]?.id ?? null);
    scene.setHovered(scene.model.nodes.get(picture.nodes[30]?.id ?? '') ?? null);
    scene.focusNode(picture.nodes[40]?.id ?? '');
    scene.setMarks(new Map([...picture.nodes.slice(0, 8)].map(({ id }, i) => [id, { kind: (['added', 'gone', 'changed', 'error'] as const)[i % 4] ?? 'added', text: 'why' }])), new Map());
    for (const zoom of [3, 1.6, 1, 0.65, 0.4, 0.2, 0.13, 0.06, 0.03]) {
      scene.camera.zoomAt(zoom / scene.camera.at.zoom, 400, 300);
      run();
      expect(take().length).toBeGreaterThan(5);
    }
    expect(scene.isFar).toBe(true);
    expect(scene.visibleNodes(300)).toEqual([]);
    const { at } = scene.camera;
    const box = scene.model.groups[0];
    expect(box && scene.bodyAt(box.x * at.zoom + at.x + 3, box.y * at.zoom + at.y + 3)?.id).toBe(box?.id);
  });

  it('shows an empty view', () => {
    open(frame([]));
    expect(paintedAll(take())).toBe(true);
    expect(scene.moveFocus('up')).toBeNull();
    expect(scene.nodeAt(5, 5)).toBeNull();
  });
});
