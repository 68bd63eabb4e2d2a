import type { ConnectionTable } from '../../generated/ConnectionTable';
import type { DetailControl } from '../../generated/DetailControl';
import type { MetadataRow } from '../../generated/MetadataRow';
import type { NodeDetails } from '../../generated/NodeDetails';
import { METRICS, memoryLimit, readings, shapeOf, topologyOf } from './frame';
import { noise, reading } from './random';
import { EDGES, NODES, type SceneNode } from './scene';

/** How far back the newest readings reach, in milliseconds. */
const WINDOW_MS = 15_000;

function control(id: string, human: string, icon: string, rank: number, confirmation = ''): DetailControl {
  return { id, human, icon, confirmation, rank, probe_id: 'tern', destructive: confirmation !== '' };
}

function row(id: string, label: string, value: string, priority: number, dataType = ''): MetadataRow {
  return { id, label, value, priority, data_type: dataType, truncate: 0 };
}

function controls(node: SceneNode, idle: boolean): DetailControl[] {
  if (node.kind === 'container') {
    return [
      control('docker-tools~exec', 'Exec', 'fa-terminal', 1),
      control('docker-tools~shell', 'Shell', 'fa-terminal', 2),
      control('docker-tools~restart', 'Restart', 'fa-repeat', 3),
      control('docker-tools~stop', 'Stop', 'fa-stop', 4, 'Its 3 processes get 10 s to end.'),
      control('docker-tools~remove', 'Remove', 'fa-trash', 5, 'The container and its writable layer are deleted.'),
    ];
  }
  if ((node.kind as string) === 'host') {
    return [idle ? control('iowait~switchToIOWait', 'Switch to IO wait', 'fa-clock-o', 1) : control('iowait~switchToIdle', 'Switch to idle', 'fa-beer', 1)];
  }
  return [];
}

function connections(node: SceneNode): ConnectionTable[] {
  const table = (direction: string, label: string, near: 0 | 1, far: 0 | 1): ConnectionTable => ({
    direction,
    label,
    rows: EDGES.filter((edge) => edge[near] === node.id)
      .map((edge) => {
        const other = NODES.find((candidate) => candidate.id === edge[far]);
        const kind = other?.kind ?? 'pseudo';
        return {
          id: `${edge[far]}:${edge[2]}`,
          node_id: edge[far],
          topology: topologyOf(kind),
          shape: shapeOf(kind),
          kind,
          label: other?.label ?? edge[far],
          label_minor: other?.minor ?? '',
          remote: kind === 'pseudo' ? '93.184.215.14' : '',
          port: edge[2] > 0 ? String(edge[2]) : '',
          count: edge[3],
          bytes_per_s: edge[4],
        };
      })
      .sort((a, b) => b.count - a.count),
  });
  return [table('incoming', 'Inbound', 1, 0), table('outgoing', 'Outbound', 0, 1)].filter((entry) => entry.rows.length > 0);
}

function metadata(node: SceneNode, now: number): MetadataRow[] {
  const started = new Date(now - 12 * 60_000).toISOString();
  if (node.kind === 'container') {
    return [
      row('docker_container_state', 'State', 'Up 12 minutes', 1),
      row('docker_container_command', 'Command', 'node --enable-source-maps dist/main.js', 2),
      row('docker_container_ports', 'Ports', '127.0.0.1:8081 → 8080/tcp', 3),
      row('docker_container_ips', 'Address', '172.20.0.5', 4, 'ip'),
      row('docker_container_uptime', 'Uptime', '743', 5, 'duration'),
      row('docker_container_restart_count', 'Restarts', '1', 6, 'number'),
      row('docker_container_created', 'Created', started, 10, 'datetime'),
      row('docker_container_id', 'ID', `${Math.floor(noise(node.id) * 1e12).toString(16)}9f3c`, 11),
      row('docker_container_networks', 'Networks', 'shop_default', 12),
    ];
  }
  if ((node.kind as string) === 'host') {
    return [row('kernel', 'Kernel version', '6.12.8-amd64', 1), row('uptime', 'Uptime', '182340', 2, 'duration'), row('os', 'OS', 'linux', 12)];
  }
  return [
    row('pid', 'PID', node.minor.replace(/\D/g, '') || '4127', 1, 'number'),
    row('cmdline', 'Command', `/usr/bin/${node.label} --config /etc/${node.label}.toml`, 2),
    row('ppid', 'Parent PID', '1', 3, 'number'),
    row('threads', '# Threads', '8', 4, 'number'),
    row('started', 'Started', started, 5, 'datetime'),
  ];
}

function samples(node: SceneNode, id: string, now: number): [number, number][] {
  const points: [number, number][] = [];
  for (let at = now - WINDOW_MS; at <= now; at += 1000) {
    const value = readings(node, at).find((metric) => metric.id === id)?.value ?? 0;
    points.push([at, value]);
  }
  return points;
}

/** A metric's value on a node at any moment, for history. */
export function valueAt(node: SceneNode, metric: string, at: number): number {
  return readings(node, at).find((entry) => entry.id === metric)?.value ?? 100 * reading(node.id + metric, 0.1, at);
}

export function details(node: SceneNode, now: number, idle: boolean): NodeDetails {
  const last = readings(node, now);
  const container = node.kind === 'container';
  const hostKind = (node.kind as string) === 'host';
  const iowait = hostKind
    ? [{ id: 'iowait', label: idle ? 'Idle' : 'IO Wait', format: 'percent', group: '', priority: 0.1, value: 4.2, min: 0, max: 100, samples: samples(node, 'iowait', now) }]
    : [];
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
    started_ms: now - 12 * 60_000,
    stale_since_ms: null,
    sources: hostKind ? ['probe:host', 'plugin:iowait'] : ['probe:process'],
    metadata: node.kind === 'pseudo' ? [] : metadata(node, now),
    metrics: [
      ...iowait,
      ...METRICS.filter((metric) => last.some((entry) => entry.id === metric.id)).map((metric) => ({
        ...metric,
        value: last.find((entry) => entry.id === metric.id)?.value ?? null,
        min: 0,
        max: metric.id === 'cpu' ? 100 : metric.id === 'memory' ? memoryLimit(node) : metric.id === 'open_files' ? 1024 : 0,
        samples: samples(node, metric.id, now),
      })),
    ],
    controls: controls(node, idle),
    parents:
      node.kind === 'pseudo' || hostKind
        ? []
        : [
            { id: `${node.host};<host>`, label: node.host, topology: 'hosts' },
            ...(container ? [{ id: `image;${node.minor};<container_image>`, label: node.minor, topology: 'containers-by-image' }] : []),
          ],
    tables: container
      ? [
          {
            id: 'docker_label_',
            label: 'Docker labels',
            property_list: true,
            columns: [
              { id: 'label', label: 'Label', data_type: '' },
              { id: 'value', label: 'Value', data_type: '' },
            ],
            rows: [
              ['com.docker.compose.project', 'shop'],
              ['com.docker.compose.service', node.label.replace(/-\d$/, '')],
              ['com.docker.compose.version', '2.29.7'],
            ],
            truncated_rows: 0,
          },
        ]
      : [],
    connections: connections(node),
    children: container
      ? [
          {
            kind: 'process',
            label: 'Processes',
            topology: 'processes',
            columns: [
              { id: 'pid', label: 'PID', data_type: 'number' },
              { id: 'process_cpu_usage_percent', label: 'CPU', data_type: 'percent' },
              { id: 'process_memory_usage_bytes', label: 'Memory', data_type: 'filesize' },
            ],
            rows: [
              { id: 'tern;31204;<process>', label: 'node', label_minor: '', cells: ['31204', '61', String(402 * 1024 ** 2)] },
              { id: 'tern;31188;<process>', label: 'dumb-init', label_minor: '', cells: ['31188', '0', String(1.1 * 1024 ** 2)] },
              { id: 'tern;31977;<process>', label: 'healthcheck', label_minor: '', cells: ['31977', '2.2', String(14.6 * 1024 ** 2)] },
            ],
          },
        ]
      : [],
    notes: node.label === 'shop-api-1' ? ['Restarted 12 min ago: exit 137, out of memory at 512 MB.'] : [],
  };
}
