import type { Backend } from '../backend/backend';
import { shortClock } from '../format/time';
import type { ViewEdge } from '../generated/ViewEdge';
import type { ViewGroup } from '../generated/ViewGroup';
import type { ViewNode } from '../generated/ViewNode';
import type { ViewSpec } from '../generated/ViewSpec';
import { compared, type Comparison, type NodeChange } from './comparison';
import { gonePlaces } from './gone-places';
import { type ViewChange, ViewStore } from './view.svelte';

/** A mark on the map, and what stands in place of the second label. */
interface Mark {
  readonly kind: 'added' | 'gone' | 'changed';
  readonly text: string;
}

/** Longest span for which the time of a start is told without its day, in milliseconds. */
const SAME_DAY_MS = 24 * 3_600_000;

/**
 * Two moments on one map: A, which is another view of the same, and B, which the window shows. What is gone is
 * shown where it was; the engine draws every moment on one layout.
 */
export class Compare {
  /** The earlier picture. */
  readonly base = new ViewStore();
  /** What differs; null until both pictures are here. */
  result = $state.raw<Comparison | null>(null);
  on = $state(false);
  /** Which moment a click on the timeline moves. */
  moving = $state<'a' | 'b'>('b');
  /** What the map draws: all of B, and what only A has. */
  readonly nodes = new Map<string, ViewNode>();
  readonly edges = new Map<string, ViewEdge>();
  groups: readonly ViewGroup[] = [];
  #view: ViewStore;
  #listeners = new Set<(change: ViewChange) => void>();
  #stops: (() => void)[] = [];

  constructor(view: ViewStore) {
    this.#view = view;
  }

  get metrics() {
    return this.#view.metrics;
  }

  subscribe(listener: (change: ViewChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Compares with a moment, given as the view of it; null compares no longer. */
  show(backend: Backend, spec: ViewSpec | null): void {
    if (!spec) {
      this.stop();
      return;
    }
    if (!this.on) {
      this.base.connect(backend);
      this.#stops = [this.base.subscribe(() => this.#merge(false)), this.#view.subscribe((change) => this.#merge(change.kind === 'frame' && change.fresh))];
      this.on = true;
      this.moving = 'b';
      this.#merge(false);
    }
    this.base.show(spec);
  }

  stop(): void {
    if (!this.on) return;
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.base.close();
    this.base.forget();
    this.on = false;
    this.result = null;
    this.nodes.clear();
    this.edges.clear();
  }

  /** How a node differs; null for one that does not. */
  changeOf(id: string): NodeChange | null {
    return this.#byId.get(id) ?? null;
  }

  /** Marks on nodes, by id. */
  marks: ReadonlyMap<string, Mark> = $derived(new Map((this.result?.nodes ?? []).map((change) => [change.node.id, { kind: change.kind, text: this.#words(change) }])));

  /** Marks on connections, by id. */
  edgeMarks: ReadonlyMap<string, 'added' | 'gone'> = $derived(new Map((this.result?.edges ?? []).map(({ edge, kind }) => [edge.id, kind])));

  #byId: ReadonlyMap<string, NodeChange> = $derived(new Map((this.result?.nodes ?? []).map((change) => [change.node.id, change])));

  #words({ kind, node, words }: NodeChange): string {
    if (kind === 'gone') return 'gone';
    if (kind === 'changed') return words[0] ?? 'changed';
    const { started_ms: started } = node;
    const known = started !== null && started > this.base.atMs && this.#view.atMs - started < SAME_DAY_MS;
    return known ? `new at ${shortClock(started)}` : 'new';
  }

  #merge(fresh: boolean): void {
    const { base } = this;
    const view = this.#view;
    // Without A, or while it is another view's, B is shown alone.
    const ready = base.phase === 'open' && view.phase === 'open' && base.shownSpec?.topology === view.shownSpec?.topology;
    this.nodes.clear();
    this.edges.clear();
    let placed: readonly ViewNode[] = [];
    if (ready) {
      this.result = compared(base, view, view.shownSpec?.topology === 'hosts');
      const gone = this.result.nodes.filter(({ kind }) => kind === 'gone').map(({ node }) => node);
      placed = gonePlaces(gone, view.nodes);
      for (const node of placed) this.nodes.set(node.id, node);
    } else this.result = null;
    for (const [id, node] of view.nodes) this.nodes.set(id, node);
    for (const { kind, edge } of this.result?.edges ?? []) if (kind === 'gone' && this.nodes.has(edge.source) && this.nodes.has(edge.target)) this.edges.set(edge.id, edge);
    for (const [id, edge] of view.edges) this.edges.set(id, edge);
    this.groups = ready ? roomFor(placed, around(view.groups, base.groups)) : view.groups;
    for (const listener of this.#listeners) listener({ kind: 'frame', fresh });
  }
}

/** Space from a node's middle to the edge of its box, in layout units: with its labels. */
const ROOM = { side: 52, top: 56, foot: 60 };

/** Boxes with room for nodes that were moved into them. */
function roomFor(nodes: Iterable<ViewNode>, groups: readonly ViewGroup[]): ViewGroup[] {
  const boxes = new Map(groups.map((group) => [group.id, { ...group }]));
  for (const node of nodes) {
    for (let box = node.group === null ? undefined : boxes.get(node.group); box; box = box.parent === null ? undefined : boxes.get(box.parent)) {
      const right = Math.max(box.x + box.width, node.x + ROOM.side);
      const foot = Math.max(box.y + box.height, node.y + ROOM.foot);
      box.x = Math.min(box.x, node.x - ROOM.side);
      box.y = Math.min(box.y, node.y - ROOM.top);
      box.width = right - box.x;
      box.height = foot - box.y;
    }
  }
  return [...boxes.values()];
}

/** Boxes of both moments; those that were larger keep room for what is gone. */
function around(after: readonly ViewGroup[], before: readonly ViewGroup[]): ViewGroup[] {
  const was = new Map(before.map((group) => [group.id, group]));
  const joined = after.map((group) => {
    const old = was.get(group.id);
    was.delete(group.id);
    if (!old) return group;
    const x = Math.min(group.x, old.x);
    const y = Math.min(group.y, old.y);
    return { ...group, x, y, width: Math.max(group.x + group.width, old.x + old.width) - x, height: Math.max(group.y + group.height, old.y + old.height) - y };
  });
  // Parents stand before their children in both, and a child's parent may be of either.
  return [...joined, ...before.filter((group) => was.has(group.id))];
}
