import { describe, expect, it } from 'vitest';

import type { Backend, ViewEvents } from '../src/backend/backend';
import type { ViewDelta } from '../src/generated/ViewDelta';
import type { ViewFrame } from '../src/generated/ViewFrame';
import type { ViewNode } from '../src/generated/ViewNode';
import type { ViewRequest } from '../src/generated/ViewRequest';
import { type ViewChange, ViewStore } from '../src/state/view.svelte';

const STATS = { node_count: 0, nonpseudo_node_count: 0, edge_count: 0, filtered_nodes: 0 };
const SPEC = { topology: 'processes', options: {}, query: '', group: [], at_ms: null };

function node(id: string, x = 0): ViewNode {
  return { id, kind: 'process', topology: 'processes', label: id, label_minor: '', rank: '', shape: 'square', stack: false, pseudo: false, group: null, x, y: 0, metrics: [], metadata: [], parents: [], sources: [], started_ms: null, stale_since_ms: null, count: 1 };
}

function frame(seq: number, ids: string[]): ViewFrame {
  return { seq, at_ms: seq * 1000, nodes: ids.map((id) => node(id)), edges: [], groups: [], stats: { ...STATS, node_count: ids.length }, metrics: [], truncated_nodes: 0 };
}

function delta(base: number, change: Partial<ViewDelta>): ViewDelta {
  return { base, seq: base + 1, at_ms: (base + 1) * 1000, nodes: [], nodes_removed: [], edges: [], edges_removed: [], groups: null, stats: STATS, metrics: null, truncated_nodes: 0, ...change };
}

function open() {
  const sent: ViewRequest[] = [];
  let events: ViewEvents | undefined;
  const backend = {
    openView(given: ViewEvents) {
      events = given;
      return { send: (request: ViewRequest) => sent.push(request), close() {} };
    },
  } as unknown as Backend;
  const view = new ViewStore();
  const changes: ViewChange[] = [];
  view.subscribe((change) => changes.push(change));
  view.connect(backend);
  view.show(SPEC);
  if (!events) throw new Error('the view did not open');
  return { view, sent, changes, events };
}

describe('view store', () => {
  it('applies a frame and the deltas on it', () => {
    const { view, changes } = open();
    view.receive({ type: 'frame', ...frame(7, ['a', 'b']) });
    view.receive({ type: 'delta', ...delta(7, { nodes: [node('b', 5), node('c')], nodes_removed: ['a'] }) });
    expect([...view.nodes.keys()]).toEqual(['b', 'c']);
    expect(view.nodes.get('b')?.x).toBe(5);
    expect(view.seq).toBe(8);
    expect(changes[0]).toEqual({ kind: 'frame', fresh: true });
    expect(changes[1]).toMatchObject({ kind: 'delta', nodes: ['b', 'c'], added: ['c'], removed: ['a'] });
  });

  it('asks for a whole frame on a gap, once, and drops deltas until it comes', () => {
    const { view, sent, changes } = open();
    view.receive({ type: 'frame', ...frame(1, ['a']) });
    view.receive({ type: 'delta', ...delta(2, { nodes: [node('x')] }) });
    view.receive({ type: 'delta', ...delta(3, { nodes: [node('y')] }) });
    expect(sent.filter((request) => request.type === 'resync')).toHaveLength(1);
    expect([...view.nodes.keys()]).toEqual(['a']);
    view.receive({ type: 'frame', ...frame(9, ['a', 'z']) });
    expect([...view.nodes.keys()]).toEqual(['a', 'z']);
    expect(changes.at(-1)).toEqual({ kind: 'frame', fresh: false });
    view.receive({ type: 'delta', ...delta(9, { nodes_removed: ['z'] }) });
    expect([...view.nodes.keys()]).toEqual(['a']);
  });

  it('asks for a whole frame when a heartbeat names another picture', () => {
    const { view, sent } = open();
    view.receive({ type: 'frame', ...frame(1, ['a']) });
    view.receive({ type: 'heartbeat', seq: 1, at_ms: 5000 });
    expect(view.atMs).toBe(5000);
    view.receive({ type: 'heartbeat', seq: 4, at_ms: 6000 });
    expect(sent.at(-1)).toEqual({ type: 'resync' });
  });

  it('keeps the old picture until another view’s frame is here, and takes no delta in between', () => {
    const { view, changes } = open();
    view.receive({ type: 'frame', ...frame(1, ['a']) });
    view.show({ ...SPEC, topology: 'hosts' });
    view.receive({ type: 'delta', ...delta(1, { nodes: [node('late')] }) });
    expect([...view.nodes.keys()]).toEqual(['a']);
    view.receive({ type: 'frame', ...frame(1, ['h']) });
    expect([...view.nodes.keys()]).toEqual(['h']);
    expect(changes.at(-1)).toEqual({ kind: 'frame', fresh: true });
    expect(view.shownSpec?.topology).toBe('hosts');
  });

  it('stands still while paused and catches up after', () => {
    const { view, sent } = open();
    view.receive({ type: 'frame', ...frame(1, ['a']) });
    view.pause();
    view.receive({ type: 'delta', ...delta(1, { nodes: [node('b')] }) });
    expect([...view.nodes.keys()]).toEqual(['a']);
    view.resume();
    expect(sent.at(-1)).toEqual({ type: 'resync' });
    view.receive({ type: 'frame', ...frame(3, ['a', 'b']) });
    expect([...view.nodes.keys()]).toEqual(['a', 'b']);
  });

  it('opens anew when the link is back, as the same view', () => {
    const { view, sent, events, changes } = open();
    view.receive({ type: 'frame', ...frame(41, ['a']) });
    events.link('reconnecting');
    expect(view.link).toBe('reconnecting');
    events.link('open');
    expect(sent.at(-1)).toMatchObject({ type: 'open', spec: SPEC });
    view.receive({ type: 'frame', ...frame(1, ['a']) });
    expect(view.seq).toBe(1);
    expect(changes.at(-1)).toEqual({ kind: 'frame', fresh: false });
  });

  it('says why a view cannot be shown and recovers with the next frame', () => {
    const { view } = open();
    view.receive({ type: 'failed', code: 'not_found', message: 'There is no such topology.' });
    expect(view.phase).toBe('failed');
    view.receive({ type: 'frame', ...frame(1, ['a']) });
    expect(view.phase).toBe('open');
    expect(view.error).toBeNull();
  });
});
