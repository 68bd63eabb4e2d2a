/** Generated topologies for looking at and measuring the scene: clustered by host, power law, 1.5 edges a node. */

import type { ViewEdge } from '../../generated/ViewEdge';
import type { ViewFrame } from '../../generated/ViewFrame';
import type { ViewGroup } from '../../generated/ViewGroup';
import type { ViewNode } from '../../generated/ViewNode';

const PITCH_X = 112;
const PITCH_Y = 104;
const UNIT_COLUMNS = 6;
const UNIT_ROWS = 4;
const UNIT_SIZE = UNIT_COLUMNS * UNIT_ROWS;
const UNITS_PER_HOST = 9;
const KINDS = [
  ['process', 'square', 'processes'],
  ['container', 'hexagon', 'containers'],
  ['container', 'hexagon', 'containers'],
  ['pod', 'heptagon', 'pods'],
] as const;
const NAMES = ['postgres', 'nginx', 'node', 'redis', 'worker', 'sshd', 'cron', 'api', 'kafka', 'envoy', 'grafana', 'vault', 'dockerd', 'python'];

/** A small generator of numbers in 0…1, the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A picture of `total` nodes in hosts of nine units. */
export function synthetic(total: number, seed = 7): ViewFrame {
  const next = random(seed);
  const hosts = Math.ceil(total / (UNIT_SIZE * UNITS_PER_HOST));
  const hostColumns = Math.max(1, Math.ceil(Math.sqrt(hosts * 1.2)));
  const unitWidth = UNIT_COLUMNS * PITCH_X + 16;
  const unitHeight = UNIT_ROWS * PITCH_Y + 36;
  const hostWidth = 3 * (unitWidth + 12) + 12;
  const hostHeight = 3 * (unitHeight + 8) + 44;
  const groups: ViewGroup[] = [];
  const nodes: ViewNode[] = [];
  for (let i = 0; i < total; i++) {
    const unit = Math.floor(i / UNIT_SIZE);
    const host = Math.floor(unit / UNITS_PER_HOST);
    const inHost = unit % UNITS_PER_HOST;
    const hostX = (host % hostColumns) * (hostWidth + 16);
    const hostY = Math.floor(host / hostColumns) * (hostHeight + 16);
    const unitX = hostX + 12 + (inHost % 3) * (unitWidth + 12);
    const unitY = hostY + 32 + Math.floor(inHost / 3) * (unitHeight + 8);
    if (i % (UNIT_SIZE * UNITS_PER_HOST) === 0) groups.push(group(`h${host}`, null, `host-${host}`, '8 cores · load 1.2', hostX, hostY, hostWidth, hostHeight, Math.min(total - i, UNIT_SIZE * UNITS_PER_HOST)));
    if (i % UNIT_SIZE === 0) groups.push(group(`h${host}u${unit}`, `h${host}`, `unit-${unit}`, '', unitX, unitY, unitWidth, unitHeight, Math.min(total - i, UNIT_SIZE)));
    const cell = i % UNIT_SIZE;
    const kind = KINDS[Math.floor(next() * KINDS.length)] ?? KINDS[0];
    const x = unitX + 8 + ((cell % UNIT_COLUMNS) + 0.5) * PITCH_X;
    const y = unitY + 28 + Math.floor(cell / UNIT_COLUMNS) * PITCH_Y + 32;
    nodes.push(node(i, kind, `${NAMES[i % NAMES.length]}-${i}`, x, y, `h${host}u${unit}`, next()));
  }
  const edges = linked(nodes, next);
  return {
    seq: 1,
    at_ms: 1_700_000_000_000,
    nodes: nodes.sort((a, b) => (a.id < b.id ? -1 : 1)),
    edges,
    groups,
    stats: { node_count: total, nonpseudo_node_count: total, edge_count: edges.length, filtered_nodes: 0 },
    metrics: [{ id: 'cpu', label: 'CPU', format: 'percent', group: '', priority: 1 }],
    truncated_nodes: 0,
  };
}

/** New readings for a share of the nodes, and the picture they make. */
export function jitter(frame: ViewFrame, share: number, seed: number): ViewNode[] {
  const next = random(seed);
  return frame.nodes
    .filter(() => next() < share)
    .map((old) => ({ ...old, metrics: old.metrics.map((metric) => ({ ...metric, value: Math.min(100, Math.max(0, metric.value + (next() - 0.5) * 20)) })) }));
}

function group(id: string, parent: string | null, label: string, facts: string, x: number, y: number, width: number, height: number, count: number): ViewGroup {
  return { id, parent, field: parent === null ? 'host' : 'unit', label, facts, x, y, width, height, count };
}

function node(i: number, [kind, shape, topology]: (typeof KINDS)[number], label: string, x: number, y: number, inGroup: string, level: number): ViewNode {
  return {
    id: `n${String(i).padStart(6, '0')};<${kind}>`,
    kind, topology, label, shape, x, y,
    label_minor: `pid ${1000 + i}`,
    rank: label.split('-')[0] ?? '',
    stack: i % 17 === 0,
    pseudo: false,
    group: inGroup,
    metrics: [{ id: 'cpu', value: level ** 3 * 100, max: 100 }],
    metadata: [],
    parents: [],
    sources: ['probe:process'],
    started_ms: null,
    stale_since_ms: i % 211 === 5 ? 1_699_999_700_000 : null,
    count: i % 17 === 0 ? 5 : 1,
  };
}

/** Most edges stay within a unit, some within a host, few go anywhere; a few nodes take most. */
function linked(nodes: readonly ViewNode[], next: () => number): ViewEdge[] {
  const edges = new Map<string, ViewEdge>();
  const wanted = Math.floor(nodes.length * 1.5);
  for (let tries = 0; edges.size < wanted && tries < wanted * 4; tries++) {
    const from = Math.floor(next() * nodes.length);
    const reach = next();
    const span = reach < 0.8 ? UNIT_SIZE : reach < 0.95 ? UNIT_SIZE * UNITS_PER_HOST : nodes.length;
    const base = Math.floor(from / span) * span;
    const to = Math.min(nodes.length - 1, base + Math.floor(next() ** 3 * span));
    const source = nodes[from];
    const target = nodes[to];
    if (!source || !target || source === target) continue;
    const id = `${source.id}---${target.id}`;
    const rate = next() ** 4 * 3_000_000;
    edges.set(id, { id, source: source.id, target: target.id, connections: 1 + Math.floor(next() ** 3 * 20), ports: [443], metrics: [{ id: 'bytes_sent_per_s', value: rate, max: 0 }] });
  }
  return [...edges.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
