import { describe, expect, it } from 'vitest';
import { SceneModel } from '../model';
import { CPU, edge, group, node, reading } from './make';

function model(): SceneModel {
  const made = new SceneModel();
  made.fill.metrics = [CPU];
  made.fill.choose('CPU', []);
  return made;
}

const NOTHING = [[], [], [], [], null, null] as const;

describe('a scene model', () => {
  it('links edges to their ends, and leaves out those whose end is not in the picture', () => {
    const scene = model();
    scene.replace([node('a'), node('b')], [edge('a', 'b'), edge('a', 'nowhere')], [], [CPU]);
    expect([...scene.edges.keys()]).toEqual(['a---b']);
    expect(scene.nodes.get('a')?.out[0]?.target).toBe(scene.nodes.get('b'));
    expect(scene.neighbours(scene.nodes.get('b') as never)).toEqual(new Set([scene.nodes.get('a')]));
  });

  it('keeps the identity of nodes over a whole picture sent again', () => {
    const scene = model();
    scene.replace([node('a'), node('b', 50)], [edge('a', 'b')], [], [CPU]);
    const a = scene.nodes.get('a');
    const effect = scene.replace([node('a'), node('c', 90)], [], [], [CPU]);
    expect(scene.nodes.get('a')).toBe(a);
    expect(effect.added.map((n) => n.id)).toEqual(['c']);
    expect(effect.removed.map((n) => n.id)).toEqual(['b']);
    expect(a?.out).toEqual([]);
  });

  it('tells apart what a change touches', () => {
    const scene = model();
    scene.replace([node('a', 0, 0, reading(10)), node('b', 50), node('c', 90)], [edge('a', 'b')], [], [CPU]);
    const effect = scene.apply(
      [node('a', 0, 0, reading(60)), node('b', 50, 0, { label: 'other' }), node('c', 91), node('d', 200)],
      [],
      [edge('a', 'b', { connections: 50 })],
      [],
      null,
      null,
    );
    expect(effect.bodies.map((n) => n.id)).toEqual(['a']);
    expect(effect.looks.map((n) => n.id)).toEqual(['b']);
    expect(effect.moved.map((n) => n.id)).toEqual(['c']);
    expect(effect.added.map((n) => n.id)).toEqual(['d']);
    expect(effect.edges.map((e) => [e.id, e.weight])).toEqual([['a---b', 2]]);
  });

  it('reports nothing for a change that changes nothing', () => {
    const scene = model();
    const views = [node('a', 0, 0, reading(10)), node('b', 50)];
    scene.replace(views, [edge('a', 'b')], [], [CPU]);
    const structure = scene.structure;
    const effect = scene.apply(views, [], [edge('a', 'b')], [], null, null);
    expect(effect).toEqual({ bodies: [], looks: [], added: [], removed: [], moved: [], edges: [], boxes: false, heads: [], levels: [] });
    expect(scene.structure).toBe(structure);
  });

  it('takes the edges of a removed node with it', () => {
    const scene = model();
    scene.replace([node('a'), node('b', 50)], [edge('a', 'b'), edge('b', 'a')], [], [CPU]);
    const effect = scene.apply([], ['b'], [], [], null, null);
    expect(scene.edges.size).toBe(0);
    expect(effect.edges).toHaveLength(2);
    expect(scene.grid.size).toBe(1);
  });

  it('knows the nesting of boxes, what stands in none, and their mean level', () => {
    const scene = model();
    scene.replace(
      [node('a', 10, 10, { group: 'h/u', ...reading(20) }), node('b', 20, 10, { group: 'h', ...reading(60) }), node('c')],
      [],
      [group('h', null, 0, 0, 400, 400), group('h/u', 'h', 10, 10, 100, 100)],
      [CPU],
    );
    expect(scene.nodes.get('a')?.depth).toBe(2);
    expect([...scene.loose].map((n) => n.id)).toEqual(['c']);
    expect(scene.groups.map((g) => [g.id, Math.round(g.level * 100)])).toEqual([['h', 40], ['h/u', 20]]);
    const effect = scene.apply([node('a', 10, 10, { group: 'h/u', ...reading(40) })], [], [], [], null, null);
    expect(effect.levels.map(([g, before]) => [g.id, Math.round(before * 100), Math.round(g.level * 100)])).toEqual([['h/u', 20, 40], ['h', 40, 50]]);
  });

  it('keeps boxes whose facts alone change, and their nodes with them', () => {
    const scene = model();
    const host = (facts: string, width = 400): ReturnType<typeof group> => group('h', null, 0, 0, width, 400, { facts });
    scene.replace([node('a', 10, 10, { group: 'h' })], [], [host('load 1')], [CPU]);
    const { structure, groups } = scene;
    const box = groups[0];
    const facts = scene.apply([node('a', 10, 10, { group: 'h' })], [], [], [], [host('load 2')], null);
    expect([facts.boxes, facts.heads.map((g) => g.facts), facts.looks]).toEqual([false, ['load 2'], []]);
    expect([scene.structure, scene.groups[0]]).toEqual([structure, box]);
    expect(scene.apply([], [], [], [], [host('load 2', 500)], null).boxes).toBe(true);
    expect(scene.apply([], [], [], [], [], null).boxes).toBe(true);
    expect([scene.nodes.get('a')?.depth, scene.loose.size]).toEqual([0, 1]);
  });

  it('spreads the ends that share a side in the order of where they lead', () => {
    const scene = model();
    scene.replace([node('top', 100, 0), node('l', 0, 104), node('m', 100, 104), node('r', 200, 104)], [edge('top', 'r'), edge('top', 'l'), edge('top', 'm')], [], []);
    const starts = ['l', 'm', 'r'].map((id) => scene.curve(scene.edges.get(`top---${id}`) as never)[0]);
    expect(starts).toEqual([87, 100, 113]);
  });

  it('measures bounds over nodes with labels and boxes', () => {
    const scene = model();
    scene.replace([node('a', 0, 0, { label_minor: 'x' })], [], [group('h', null, -100, -80, 300, 60)], []);
    expect(scene.bounds).toEqual({ x: -100, y: -80, width: 300, height: 134 });
    scene.apply([], ['a'], [], [], [], null);
    expect(scene.bounds.width).toBe(0);
  });

  it('applies an empty delta', () => {
    const scene = model();
    const effect = scene.apply(...NOTHING);
    expect(effect.added).toEqual([]);
  });
});

describe('the fill', () => {
  const cases: [name: string, value: number, max: number, format: string, level: number, text: string][] = [
    ['a share of its limit', 50, 200, 'percent', 0.25, '25%'],
    ['per cent without a limit', 42.4, 0, 'percent', 0.424, '42%'],
    ['bytes of a limit', 256, 512, 'filesize', 0.5, '50%'],
    ['a figure without a limit is its own greatest', 3_400_000, 0, 'filesize', 1, '3.4M'],
    ['more than the limit is full', 300, 100, 'percent', 1, '300%'],
    ['less than nothing is empty', -5, 100, 'number', 0, '-5'],
  ];
  it.each(cases)('reads %s', (_, value, max, format, level, text) => {
    const scene = new SceneModel();
    const info = { ...CPU, format };
    scene.setMetrics([info]);
    const view = node('a', 0, 0, reading(value, max));
    scene.fill.choose('cpu', [view]);
    const read = scene.fill.read(view);
    expect(read.level).toBeCloseTo(level);
    expect(read.text).toBe(text);
  });

  it('takes every id that shares the label, whatever the kind of node', () => {
    const scene = new SceneModel();
    scene.setMetrics([{ ...CPU, id: 'process_cpu_usage_percent' }, { ...CPU, id: 'docker_cpu_total_usage' }, { ...CPU, id: 'mem', label: 'Memory' }]);
    const process = node('p', 0, 0, reading(10, 100, 'process_cpu_usage_percent'));
    const container = node('c', 0, 0, reading(30, 100, 'docker_cpu_total_usage'));
    const other = node('o', 0, 0, reading(30, 100, 'mem'));
    for (const chosen of ['cpu', 'CPU', 'docker_cpu_total_usage']) {
      scene.fill.choose(chosen, []);
      expect([process, container, other].map((view) => scene.fill.read(view).level)).toEqual([0.1, 0.3, Number.NaN]);
    }
    scene.fill.choose(null, []);
    expect(scene.fill.read(process).level).toBeNaN();
  });
});
