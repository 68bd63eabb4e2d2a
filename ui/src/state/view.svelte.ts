import type { ViewHandle, LinkState, Backend } from '../backend/backend';
import type { MetricInfo } from '../generated/MetricInfo';
import type { ViewDelta } from '../generated/ViewDelta';
import type { ViewEdge } from '../generated/ViewEdge';
import type { ViewFrame } from '../generated/ViewFrame';
import type { ViewGroup } from '../generated/ViewGroup';
import type { ViewMessage } from '../generated/ViewMessage';
import type { ViewNode } from '../generated/ViewNode';
import type { ViewSpec } from '../generated/ViewSpec';
import type { ViewStats } from '../generated/ViewStats';

/** Version of the view protocol that this window speaks. */
export const VIEW_PROTOCOL = 1;

/** What changed in a {@link ViewStore}, in the order it was applied. */
export type ViewChange =
  | {
      kind: 'frame';
      /** True for the first picture of another view, false when the same view was sent again. */
      fresh: boolean;
    }
  | {
      kind: 'delta';
      /** Ids of nodes that are new or differ. */
      nodes: string[];
      /** Ids among {@link nodes} that were not there before. */
      added: string[];
      removed: string[];
      edges: string[];
      edgesRemoved: string[];
      /** True when `groups` was replaced. */
      groups: boolean;
      /** True when `metrics` was replaced. */
      metrics: boolean;
    };

/** Where the view stands. */
export type ViewPhase = 'connecting' | 'open' | 'failed';

const NO_STATS: ViewStats = { node_count: 0, nonpseudo_node_count: 0, edge_count: 0, filtered_nodes: 0 };

/**
 * The picture on screen, kept equal to the engine's by frames and deltas.
 *
 * `nodes` and `edges` are plain maps: the scene reads them and listens through {@link subscribe}, so that
 * ten thousand nodes cost Svelte nothing. Components that show them read {@link version} first.
 */
export class ViewStore {
  readonly nodes = new Map<string, ViewNode>();
  readonly edges = new Map<string, ViewEdge>();
  /** Boxes, parents before children. */
  groups = $state.raw<ViewGroup[]>([]);
  metrics = $state.raw<MetricInfo[]>([]);
  stats = $state.raw<ViewStats>(NO_STATS);
  truncated = $state.raw(0);
  /** When the shown snapshot was published, in milliseconds since the epoch; 0 before the first. */
  atMs = $state.raw(0);
  seq = $state.raw(0);
  /** Rises with every change. */
  version = $state.raw(0);
  phase = $state.raw<ViewPhase>('connecting');
  link = $state.raw<LinkState>('open');
  error = $state.raw<{ code: string; message: string } | null>(null);
  /** The spec of the picture that is shown; trails the wanted one until its frame arrives. */
  shownSpec = $state.raw<ViewSpec | null>(null);
  /** True while changes are held back; the picture stays as it was. */
  paused = $state.raw(false);

  #listeners = new Set<(change: ViewChange) => void>();
  #handle: ViewHandle | null = null;
  #spec: ViewSpec | null = null;
  #fresh = true;
  #resyncing = false;

  /** Calls back after each change is applied. Returns how to stop. */
  subscribe(listener: (change: ViewChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Opens the channel; {@link show} says what to look at. */
  connect(backend: Backend): void {
    this.close();
    this.#handle = backend.openView({
      message: (message) => this.receive(message),
      link: (state) => this.#linkChanged(state),
    });
  }

  close(): void {
    this.#handle?.close();
    this.#handle = null;
  }

  /** Drops the picture. */
  forget(): void {
    this.nodes.clear();
    this.edges.clear();
    this.groups = [];
    this.phase = 'connecting';
    this.error = null;
    this.shownSpec = null;
    this.atMs = 0;
  }

  /** Looks at something; the old picture stays until the new one is here. */
  show(spec: ViewSpec): void {
    this.#spec = spec;
    this.#fresh = true;
    this.#resyncing = false;
    this.phase = 'connecting';
    this.error = null;
    this.#open();
  }

  pause(): void {
    this.paused = true;
  }

  /** Goes on with the picture of now. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#resyncing = false;
    this.#resync();
  }

  receive(message: ViewMessage): void {
    switch (message.type) {
      case 'frame':
        // While paused a frame is let in only when the person asked for another view.
        if (this.paused && !this.#fresh) return;
        this.#applyFrame(message);
        return;
      case 'delta':
        if (this.paused || this.#resyncing || this.#fresh) return;
        if (message.base !== this.seq) this.#resync();
        else this.#applyDelta(message);
        return;
      case 'heartbeat':
        if (this.paused || this.#resyncing || this.#fresh) return;
        if (message.seq !== this.seq) this.#resync();
        else this.atMs = message.at_ms;
        return;
      case 'failed':
        this.phase = 'failed';
        this.error = { code: message.code, message: message.message };
    }
  }

  #applyFrame(frame: ViewFrame): void {
    this.nodes.clear();
    for (const node of frame.nodes) this.nodes.set(node.id, node);
    this.edges.clear();
    for (const edge of frame.edges) this.edges.set(edge.id, edge);
    this.groups = frame.groups;
    this.metrics = frame.metrics;
    const fresh = this.#fresh;
    this.#fresh = false;
    this.#resyncing = false;
    this.phase = 'open';
    this.error = null;
    this.shownSpec = this.#spec;
    this.#finish(frame, { kind: 'frame', fresh });
  }

  #applyDelta(delta: ViewDelta): void {
    const added: string[] = [];
    for (const id of delta.nodes_removed) this.nodes.delete(id);
    for (const node of delta.nodes) {
      if (!this.nodes.has(node.id)) added.push(node.id);
      this.nodes.set(node.id, node);
    }
    for (const id of delta.edges_removed) this.edges.delete(id);
    for (const edge of delta.edges) this.edges.set(edge.id, edge);
    if (delta.groups) this.groups = delta.groups;
    if (delta.metrics) this.metrics = delta.metrics;
    this.#finish(delta, {
      kind: 'delta',
      nodes: delta.nodes.map((node) => node.id),
      added,
      removed: delta.nodes_removed,
      edges: delta.edges.map((edge) => edge.id),
      edgesRemoved: delta.edges_removed,
      groups: delta.groups !== null,
      metrics: delta.metrics !== null,
    });
  }

  #finish(picture: ViewFrame | ViewDelta, change: ViewChange): void {
    this.stats = picture.stats;
    this.truncated = picture.truncated_nodes;
    this.seq = picture.seq;
    this.atMs = picture.at_ms;
    this.version += 1;
    for (const listener of this.#listeners) listener(change);
  }

  #open(): void {
    if (this.#spec) this.#handle?.send({ type: 'open', version: VIEW_PROTOCOL, spec: this.#spec });
  }

  #resync(): void {
    if (this.#resyncing) return;
    this.#resyncing = true;
    this.#handle?.send({ type: 'resync' });
  }

  #linkChanged(state: LinkState): void {
    const back = state === 'open' && this.link === 'reconnecting';
    this.link = state;
    if (!back) return;
    // The far side may be another instance with other numbers: take whatever picture it sends as the same view.
    this.#resyncing = true;
    this.#open();
  }
}
