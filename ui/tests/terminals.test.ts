import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../src/backend/api';
import type { PipeEvents } from '../src/backend/backend';
import { FakeBackend } from '../src/backend/fake/fake';
import { LEAST_HEIGHT, MAX_TERMINALS, type TerminalPlace, Terminals } from '../src/state/terminals.svelte';

/** A backend whose pipes are played by hand. */
class Pipes extends FakeBackend {
  opened: string[] = [];
  sent: string[] = [];
  closed: string[] = [];
  detached: string[] = [];
  events: PipeEvents[] = [];

  override openPipe(id: string, events: PipeEvents) {
    this.opened.push(id);
    this.events.push(events);
    return {
      send: (bytes: Uint8Array) => this.sent.push(new TextDecoder().decode(bytes)),
      detach: () => this.detached.push(id),
      close: () => this.closed.push(id),
    };
  }
}

function place(pipe: string, rest: Partial<TerminalPlace> = {}): TerminalPlace {
  return { pipe, title: `Shell ${pipe}`, node: 'tern;a;<container>', topology: 'containers', raw: true, resize: 'docker~resize', ...rest };
}

function make() {
  const backend = new Pipes();
  const api = new Api(backend);
  const sizes: [string, string, number, number][] = [];
  api.resizeTerminal = async (_node, control, pipe, columns, rows) => {
    sizes.push([control, pipe, columns, rows]);
    return { value: null, pipe: null, raw_tty: false, resize_tty_control: null, removed_node: null, shortcut: false, took_ms: 1 };
  };
  return { backend, terminals: new Terminals(api, backend), sizes };
}

const bytes = (text: string) => new TextEncoder().encode(text);

beforeEach(() => sessionStorage.clear());
afterEach(() => vi.useRealTimers());

describe('terminals', () => {
  it('keep what comes before they are drawn, and pass on what comes after', () => {
    const { backend, terminals } = make();
    const session = terminals.open(place('p'));
    backend.events[0]?.link('open');
    backend.events[0]?.bytes(bytes('early '));
    let seen = '';
    const detach = session?.attach((part) => (seen += new TextDecoder().decode(part)));
    backend.events[0]?.bytes(bytes('late'));
    expect(seen).toBe('early late');
    session?.send(bytes('ls'));
    expect(backend.sent).toEqual(['ls']);
    detach?.();
    backend.events[0]?.bytes(bytes(' hidden'));
    expect(seen).toBe('early late');
  });

  it('keep no more than fits while they are not drawn', () => {
    const { backend, terminals } = make();
    const session = terminals.open(place('p'));
    for (let at = 0; at < 10; at += 1) backend.events[0]?.bytes(new Uint8Array(64 * 1024).fill(at));
    const parts: number[] = [];
    session?.attach((part) => parts.push(part[0] ?? -1));
    expect(parts).toEqual([6, 7, 8, 9]);
  });

  it('show a lost link and an end, and send nothing after it', () => {
    const { backend, terminals } = make();
    const session = terminals.open(place('p'));
    backend.events[0]?.link('open');
    backend.events[0]?.link('reconnecting');
    expect(session?.state).toBe('reconnecting');
    backend.events[0]?.link('open');
    backend.events[0]?.end('taken', 'Another window shows it.');
    expect([session?.state, session?.end, session?.text]).toEqual(['ended', 'taken', 'Another window shows it.']);
    session?.send(bytes('x'));
    expect(backend.sent).toEqual([]);
    session?.connect();
    backend.events[1]?.link('open');
    expect([session?.state, backend.opened]).toEqual(['open', ['p', 'p']]);
  });

  it('tell the far end their size once the dragging is over, and again after a lost link', async () => {
    vi.useFakeTimers();
    const { backend, terminals, sizes } = make();
    const session = terminals.open(place('p'));
    session?.resize(80, 24);
    backend.events[0]?.link('open');
    expect(sizes).toEqual([['docker~resize', 'p', 80, 24]]);
    for (const columns of [90, 91, 92]) session?.resize(columns, 30);
    await vi.advanceTimersByTimeAsync(200);
    expect(sizes.slice(1)).toEqual([['docker~resize', 'p', 92, 30]]);
    backend.events[0]?.link('reconnecting');
    backend.events[0]?.link('open');
    expect(sizes).toHaveLength(3);
  });

  it('tell nobody where no control resizes', async () => {
    vi.useFakeTimers();
    const { backend, terminals, sizes } = make();
    const session = terminals.open(place('p', { resize: null }));
    backend.events[0]?.link('open');
    session?.resize(80, 24);
    await vi.advanceTimersByTimeAsync(200);
    expect(sizes).toEqual([]);
  });

  it('are closed for good with their pipe, and the tab beside comes to the front', () => {
    const { backend, terminals } = make();
    const keys = ['a', 'b', 'c'].map((pipe) => terminals.open(place(pipe))?.key ?? 0);
    expect(terminals.active).toBe(keys[2]);
    terminals.show(keys[1] ?? 0);
    terminals.close(keys[1] ?? 0);
    expect([backend.closed, terminals.active]).toEqual([['b'], keys[2]]);
    terminals.step(1);
    expect(terminals.active).toBe(keys[0]);
    terminals.close(keys[0] ?? 0);
    terminals.close(keys[2] ?? 0);
    expect([terminals.active, terminals.sessions]).toEqual([null, []]);
  });

  it('are held again after a reload, and nonsense is not', () => {
    const first = make();
    first.terminals.open(place('a'));
    first.terminals.open(place('b', { resize: null }));
    const second = make();
    const stop = second.terminals.start();
    expect(second.terminals.sessions.map((session) => session.place)).toEqual([place('a'), place('b', { resize: null })]);
    stop();
    expect(second.backend.detached).toEqual(['a', 'b']);
    expect(second.backend.closed).toEqual([]);
    sessionStorage.setItem('orrery.terminals', '[{"pipe":""},7,null,{"pipe":"x"}]');
    const third = make();
    third.terminals.start();
    expect(third.terminals.sessions).toEqual([]);
    sessionStorage.setItem('orrery.terminals', 'nonsense');
    make().terminals.start();
  });

  it('are as many as fit, and one per pipe', () => {
    const { backend, terminals } = make();
    terminals.open(place('a'));
    terminals.open(place('a'));
    expect(backend.opened).toEqual(['a']);
    for (let at = 1; at < MAX_TERMINALS; at += 1) expect(terminals.open(place(`${at}`))).not.toBeNull();
    expect(terminals.open(place('one more'))).toBeNull();
    terminals.resizeDock(1);
    expect(terminals.height).toBe(LEAST_HEIGHT);
  });
});
