import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import { FakeBackend } from '../src/backend/fake/fake';
import type { ViewEvents, ViewHandle } from '../src/backend/backend';
import type { ViewFrame } from '../src/generated/ViewFrame';
import type { ViewNode } from '../src/generated/ViewNode';
import { changeDocument, changeRows } from '../src/parts/compare/export';
import { CPU, edge, node, reading } from '../src/scene/tests/make';
import { App } from '../src/state/app.svelte';
import { compared, type Picture } from '../src/state/comparison';
import { gonePlaces } from '../src/state/gone-places';
import { formatPlace, parsePlace } from '../src/state/route';

function picture(nodes: ViewNode[], edges = [] as ReturnType<typeof edge>[]): Picture {
  return { nodes: new Map(nodes.map((one) => [one.id, one])), edges: new Map(edges.map((one) => [one.id, one])), metrics: [CPU, { ...CPU, id: 'mem', label: 'Memory', format: 'filesize' }] };
}

const told = (before: ViewNode[], after: ViewNode[], hosts = false) => compared(picture(before), picture(after), hosts).nodes.map(({ kind, node: { id }, words }) => [kind, id, ...words]);
const row = (id: string, value: string, data_type = '') => ({ id, label: id, value, data_type, priority: 1, truncate: 0 });

describe('two pictures', () => {
  it('differ by what came, what went, and what is not as it was', () => {
    const before = [node('a'), node('b', 0, 0, { started_ms: 1, metadata: [row('image', '16.2')] }), node('c')];
    const after = [node('b', 0, 0, { started_ms: 2, metadata: [row('image', '16.4')] }), node('c'), node('d')];
    expect(told(before, after)).toEqual([
      ['gone', 'a'],
      ['added', 'd'],
      ['changed', 'b', 'restarted', 'image 16.2 → 16.4'],
    ]);
    expect(told(after, after)).toEqual([]);
  });

  it('tell readings that differ much, and none that differ a little', () => {
    const mem = (value: number) => ({ metrics: [{ id: 'mem', value, max: 0 }] });
    expect(told([node('a', 0, 0, reading(22))], [node('a', 0, 0, reading(63))])).toEqual([['changed', 'a', expect.stringMatching(/^CPU 22\.0.% → 63\.0.%$/)]]);
    expect(told([node('a', 0, 0, reading(22))], [node('a', 0, 0, reading(40))])).toEqual([]);
    expect(told([node('a', 0, 0, mem(100e6))], [node('a', 0, 0, mem(400e6))])).toHaveLength(1);
    expect(told([node('a', 0, 0, mem(10))], [node('a', 0, 0, mem(1e6))])).toEqual([]);
  });

  it('are not told apart by what never rests: states of processes, times, hosts that stand for loose ends', () => {
    const process = (state: string, uptime: string) => node('p', 0, 0, { kind: 'process', metadata: [row('state', state), row('up', uptime, 'duration')] });
    expect(told([process('running', '1')], [process('sleeping', '2')])).toEqual([]);
    expect(told([], [node('h', 0, 0, { kind: 'host' })])).toEqual([]);
    expect(told([], [node('h', 0, 0, { kind: 'host' })], true)).toEqual([['added', 'h']]);
  });

  it('tell how many a group stands for, in its own words', () => {
    const group = (count: number) => node('g', 0, 0, { count, label_minor: `${count} processes` });
    expect(told([group(11)], [group(14)])).toEqual([['changed', 'g', '11 → 14 processes']]);
  });

  it('are saved with their connections, for people and for programs', () => {
    const result = compared(picture([node('a'), node('b')], [edge('a', 'b')]), picture([node('a'), node('c')], [edge('a', 'c', { ports: [80] })]), false);
    expect(changeRows(result)).toEqual([
      ['Change', 'What', 'Name', 'Id', 'Details'],
      ['gone', 'container', 'b', 'b', ''],
      ['added', 'container', 'c', 'c', ''],
      ['added', 'connection', 'a → c', 'a---c', '80'],
      ['gone', 'connection', 'a → b', 'a---b', ''],
    ]);
    const saved = JSON.parse(changeDocument(result, { a: 0, b: 1000 }, 'containers'));
    expect(saved).toMatchObject({ topology: 'containers', from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:00:01.000Z' });
    expect(saved.nodes).toHaveLength(2);
    expect(saved.connections[0]).toMatchObject({ change: 'added', source: 'a', target: 'c', ports: [80] });
  });
});

it('what is gone stays where it was, or in the nearest free place of its box', () => {
  const present = [node('a', 0, 0), node('b', 112, 0), node('c', 0, 104)];
  const [stays, moves, below] = gonePlaces([node('x', 112, 104), node('y', 4, 4), node('z', 0, 0)], new Map(present.map((one) => [one.id, one])));
  expect([stays?.x, stays?.y]).toEqual([112, 104]);
  const all = [...present, stays, moves, below] as ViewNode[];
  for (const [i, one] of all.entries()) {
    for (const other of all.slice(i + 1)) expect(Math.abs(one.x - other.x) >= 60 || Math.abs(one.y - other.y) >= 72, `${one.id} over ${other.id}`).toBe(true);
  }
});

it('places for very many are found in no time to speak of', () => {
  const at = (i: number): [number, number] => [(i % 60) * 112, Math.floor(i / 60) * 104];
  const present = new Map(Array.from({ length: 3000 }, (_, i) => [`n${i}`, node(`n${i}`, ...at(i))]));
  const gone = Array.from({ length: 2000 }, (_, i) => node(`g${i}`, ...at(i)));
  const places = gonePlaces(gone, present);
  expect(places).toHaveLength(2000);
  // Below the full rows there is room for two rows of sixty.
  expect(places.filter(({ y }) => y > at(2999)[1])).toHaveLength(120);
});

it('two moments are part of the address', () => {
  const place = parsePlace('#/view/processes?at=2000&base=1000');
  expect([place.at, place.base]).toEqual([2000, 1000]);
  expect(parsePlace(formatPlace(place))).toEqual(place);
  expect(parsePlace('#/view/processes?base=soon').base).toBeNull();
  const swapped = parsePlace('#/view/processes?at=2000&base=now');
  expect(swapped.base).toBe(0);
  expect(parsePlace(formatPlace(swapped))).toEqual(swapped);
});

/** An instance in which `db` stood in the past and `api` stands now. */
class TwoMoments extends FakeBackend {
  override openView(events: ViewEvents): ViewHandle {
    return {
      send(request) {
        if (request.type !== 'open') return;
        const past = request.spec.at_ms !== null;
        if (past && (request.spec.at_ms ?? 0) < 1000) {
          events.message({ type: 'failed', code: 'not_found', message: 'Nothing is recorded of that moment.' });
          return;
        }
        const nodes = [node('web', 0, 0), past ? node('db', 112, 0) : node('api', 112, 0)];
        const stats = { node_count: 2, nonpseudo_node_count: 2, edge_count: 0, filtered_nodes: 0 };
        const frame: ViewFrame = { seq: 1, at_ms: request.spec.at_ms ?? Date.now(), nodes, edges: [], groups: [], metrics: [CPU], truncated_nodes: 0, stats };
        events.message({ type: 'frame', ...frame });
      },
      close() {},
    };
  }
}

describe('comparing in the window', () => {
  beforeEach(() => {
    HTMLCanvasElement.prototype.getContext = vi.fn(() => null) as unknown as HTMLCanvasElement['getContext'];
    localStorage.clear();
  });
  afterEach(() => cleanup());

  function open(hash: string): App {
    window.history.replaceState(null, '', hash);
    const app = new App(new TwoMoments());
    render(Window, { app });
    return app;
  }

  it('shows what came and went, leads to it, and ends', async () => {
    const app = open(`#/view/containers?mode=table&base=${Date.now() - 60_000}`);
    const panel = await screen.findByTestId('changes');
    expect((await within(panel).findByTestId('change-gone')).textContent).toContain('db');
    expect(within(panel).getByTestId('change-added').textContent).toContain('api');
    expect(screen.getByTestId('compare-count-gone').textContent).toContain('1');
    expect(app.compare.nodes.has('db')).toBe(true);
    await fireEvent.click(within(panel).getByTestId('changes-added'));
    expect(within(panel).queryByTestId('change-gone')).toBeNull();
    await fireEvent.click(within(panel).getByTestId('change-added'));
    expect(app.place.cards.map(({ id }) => id)).toEqual(['api']);
    app.router.closeCards();
    await fireEvent.click(await screen.findByTestId('changes-close'));
    await waitFor(() => expect(screen.queryByTestId('changes')).toBeNull());
    expect(app.place.base).toBeNull();
    expect(app.compare.on).toBe(false);
  });

  it('moves the moment that is chosen, and swaps the two', async () => {
    const app = open('#/view/containers?mode=table&base=5000&at=9000');
    await screen.findByTestId('changes');
    app.pickMoment(8000);
    expect([app.place.base, app.place.at]).toEqual([5000, 8000]);
    await fireEvent.click(screen.getByTestId('compare-a'));
    app.pickMoment(6000);
    expect([app.place.base, app.place.at]).toEqual([6000, 8000]);
    await fireEvent.click(screen.getByTestId('compare-swap'));
    expect([app.place.base, app.place.at]).toEqual([8000, 6000]);
  });

  it('begins by its key with ten minutes ago, and with the moment that is looked at', async () => {
    const app = open('#/view/containers?mode=table');
    await waitFor(() => expect(app.live.status).not.toBeNull());
    await fireEvent.keyDown(window, { key: 'c' });
    await waitFor(() => expect(app.place.base).not.toBeNull());
    expect(Date.now() - (app.place.base ?? 0)).toBeLessThan(11 * 60_000);
    await fireEvent.keyDown(window, { key: 'c' });
    expect(app.place.base).toBeNull();
    app.router.setAt(7000);
    await fireEvent.keyDown(window, { key: 'c' });
    expect([app.place.base, app.place.at]).toEqual([7000, null]);
  });

  it('says why a moment cannot be compared with', async () => {
    open('#/view/containers?mode=table&base=500');
    expect((await screen.findByTestId('changes-failed')).textContent).toContain('Nothing is recorded of that moment.');
  });
});
