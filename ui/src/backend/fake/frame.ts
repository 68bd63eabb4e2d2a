import type { MetricInfo } from '../../generated/MetricInfo';
import type { ViewEdge } from '../../generated/ViewEdge';
import type { ViewFrame } from '../../generated/ViewFrame';
import type { ViewGroup } from '../../generated/ViewGroup';
import type { ViewMetric } from '../../generated/ViewMetric';
import type { ViewNode } from '../../generated/ViewNode';
import type { ViewSpec } from '../../generated/ViewSpec';
import { noise, reading } from './random';
import { EDGES, GROUPS, NODES, type SceneNode, sceneX, sceneY } from './scene';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

export const METRICS: MetricInfo[] = [
  { id: 'cpu', label: 'CPU', format: 'percent', group: '', priority: 1 },
  { id: 'memory', label: 'Memory', format: 'filesize', group: '', priority: 2 },
  { id: 'bytes_per_s', label: 'Network', format: 'filesize', group: '', priority: 3 },
  { id: 'open_files', label: 'Files', format: 'integer', group: '', priority: 4 },
];

const SHAPES: Record<string, string> = { container: 'hexagon', pod: 'heptagon', process: 'square', pseudo: 'cloud', host: 'circle' };

export function shapeOf(kind: string): string {
  return SHAPES[kind] ?? 'square';
}

export function topologyOf(kind: string): string {
  if (kind === 'container') return 'containers';
  if (kind === 'pod') return 'pods';
  if (kind === 'host') return 'hosts';
  return kind === 'group:process:name' ? 'processes-by-name' : 'processes';
}

export function memoryLimit(node: SceneNode): number {
  return node.kind === 'container' || node.kind === 'pod' ? 512 * MIB : 4 * GIB;
}

/** What a node reads at a moment. */
export function readings(node: SceneNode, atMs: number): ViewMetric[] {
  if (node.kind === 'pseudo') return [];
  return [
    { id: 'cpu', value: 100 * reading(`${node.id}cpu`, node.cpu, atMs), max: 100 },
    { id: 'memory', value: memoryLimit(node) * reading(`${node.id}mem`, node.memory, atMs), max: memoryLimit(node) },
    { id: 'bytes_per_s', value: 5_100_000 * reading(`${node.id}net`, node.cpu * 0.9, atMs), max: 0 },
    { id: 'open_files', value: Math.round(40 + 400 * noise(node.id)), max: 1024 },
  ];
}

function viewNode(node: SceneNode, atMs: number): ViewNode {
  return {
    id: node.id,
    kind: node.kind,
    topology: topologyOf(node.kind),
    label: node.label,
    label_minor: node.minor,
    rank: node.label,
    shape: shapeOf(node.kind),
    stack: node.count > 2,
    pseudo: node.kind === 'pseudo',
    group: node.group,
    x: node.x,
    y: node.y,
    metrics: readings(node, atMs),
    metadata: node.kind === 'pseudo' ? [] : facts(node),
    parents: node.kind === 'pseudo' ? [] : [{ id: `${node.host};<host>`, label: node.host, topology: 'hosts' }],
    sources: ['probe:process'],
    started_ms: null,
    stale_since_ms: null,
    count: node.count,
  };
}

function facts(node: SceneNode): ViewNode['metadata'] {
  const row = (id: string, label: string, value: string, priority: number, dataType = '') => ({
    id,
    label,
    value,
    priority,
    data_type: dataType,
    truncate: 0,
  });
  const pid = node.minor.startsWith('pid') ? [row('pid', 'PID', node.minor.replace(/\D/g, ''), 1, 'number')] : [];
  return [...pid, row('user', 'User', node.group?.includes('ada') ? 'ada' : 'root', 2), row('connections', 'Conns', String(Math.round(66 * noise(node.id, 3))), 4, 'number')];
}

function gridNodes(topology: string, total: number): SceneNode[] {
  const known = NODES.filter((node) => node.kind !== 'pseudo' && topologyOf(node.kind) === topology.replace(/-by-.*/, ''));
  const kind = topology.startsWith('containers') ? 'container' : topology.startsWith('processes') ? 'process' : 'pod';
  const names = ['postgres: checkpointer', 'nginx: worker', 'Xwayland', 'sway', 'pipewire', 'node', 'python', 'redis-server', 'bash', 'cron'];
  const nodes: SceneNode[] = [];
  const width = Math.ceil(Math.sqrt(total * 1.5));
  for (let index = 0; index < total; index += 1) {
    const at = { x: 60 + (index % width) * 112, y: 60 + Math.floor(index / width) * 104 };
    const base = known[index];
    const name = names[index % names.length] ?? 'node';
    nodes.push(
      base
        ? { ...base, ...at, group: null }
        : {
            id: `tern;${name}-${index};<${kind}>`,
            kind,
            label: name,
            minor: `pid ${30_000 + index * 7}`,
            ...at,
            group: null,
            host: index % 4 === 0 ? 'wren' : 'tern',
            cpu: noise(`${index}`) ** 6,
            memory: noise(`${index}m`) ** 3,
            count: 1,
          },
    );
  }
  return nodes;
}

export function sceneNodes(spec: ViewSpec, counts: Map<string, number>): SceneNode[] {
  if (spec.topology === 'everything') return NODES;
  if (spec.topology === 'hosts') {
    return ['tern', 'wren'].map((host, index) => ({
      id: `${host};<host>`,
      kind: 'host' as SceneNode['kind'],
      label: host,
      minor: 'lan',
      x: 100 + index * 200,
      y: 100,
      group: null,
      host,
      cpu: index === 0 ? 0.3 : 0.1,
      memory: 0.5,
      count: 1,
    }));
  }
  return gridNodes(spec.topology, counts.get(spec.topology) ?? 0);
}

export function frame(spec: ViewSpec, nodes: SceneNode[], seq: number, atMs: number): ViewFrame {
  const ids = new Set(nodes.map((node) => node.id));
  const edges: ViewEdge[] = EDGES.filter(([source, target]) => ids.has(source) && ids.has(target)).map(
    ([source, target, port, connections, rate]) => ({
      id: `${source}---${target}`,
      source,
      target,
      connections,
      ports: port > 0 ? [port] : [],
      metrics: [{ id: 'bytes_sent_per_s', value: rate, max: 0 }],
    }),
  );
  const groups: ViewGroup[] =
    spec.topology === 'everything' && spec.group.length > 0
      ? GROUPS.filter(([, , field]) => spec.group.includes(field)).map(([id, parent, field, label, facts, x1, y1, x2, y2]) => ({
          id,
          parent: spec.group.includes('host') ? parent : null,
          field,
          label,
          facts,
          x: sceneX(x1),
          y: sceneY(y1),
          width: sceneX(x2) - sceneX(x1),
          height: sceneY(y2) - sceneY(y1),
          count: nodes.filter((node) => node.group?.startsWith(id)).length,
        })).filter((group) => group.count > 0)
      : [];
  const boxes = new Set(groups.map((group) => group.id));
  return {
    seq,
    at_ms: atMs,
    nodes: nodes
      .map((node) => viewNode(node, atMs))
      .map((node) => ({ ...node, group: node.group && !boxes.has(node.group) ? (boxes.has(node.group.split('/')[0] ?? '') ? (node.group.split('/')[0] ?? null) : null) : node.group }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    edges: edges.sort((a, b) => (a.id < b.id ? -1 : 1)),
    groups,
    stats: { node_count: nodes.length, nonpseudo_node_count: nodes.filter((node) => node.kind !== 'pseudo').length, edge_count: edges.length, filtered_nodes: 0 },
    metrics: METRICS,
    truncated_nodes: 0,
  };
}
