import type { Event } from '../../generated/Event';
import type { PluginInfo } from '../../generated/PluginInfo';
import type { Status } from '../../generated/Status';
import { SOCKETS } from './managed';

const MINUTE_MS = 60_000;
const ROOT = '/run/orrery/plugins';

export function status(now: number, empty: boolean): Status {
  return {
    id: 'tern-1',
    version: '0.1.0',
    hostname: 'tern',
    user: 'ada',
    root: false,
    started_ms: now - 96 * MINUTE_MS,
    pid: 33_120,
    data_dir: '/home/ada/.local/share/orrery',
    role: 'admin',
    read_only: false,
    interval_ms: 1000,
    published_ms: empty ? 0 : now - 300,
    sources: [
      source('probe:process', 'Processes', empty ? 'limited' : 'limited', empty ? '0 of 196 processes have readable sockets' : '214 processes, 196 with readable sockets', '/proc', 'Sockets of other people’s processes need more rights.', 'sudo orrery serve'),
      source('probe:docker', 'Docker', empty ? 'absent' : 'ok', empty ? 'No socket' : '13 containers', '/var/run/docker.sock · $DOCKER_HOST not set'),
      source('probe:podman', 'Podman', empty ? 'failed' : 'absent', empty ? 'Permission denied' : 'No socket', '$XDG_RUNTIME_DIR/podman/podman.sock'),
      source('probe:kubernetes', 'Kubernetes', empty ? 'absent' : 'ok', empty ? 'No kubeconfig' : '4 pods', '~/.kube/config · $KUBECONFIG not set'),
      source('plugins', 'Plugins', empty ? 'absent' : 'ok', empty ? 'Both folders are empty' : '5 plugins', '/var/run/scope/plugins · /run/orrery/plugins'),
    ],
    reports_per_s: empty ? 0 : 2.7,
    report_bytes_per_s: empty ? 0 : 41_000,
    own_cpu_percent: 0.6,
    own_memory_bytes: 48 * 1024 ** 2,
    history_bytes: empty ? 0 : 212 * 1024 ** 2,
    history_limit_bytes: 1024 ** 3,
    history_from_ms: empty ? null : now - 26 * 60 * MINUTE_MS,
    plugin_roots: ['/var/run/scope/plugins', ROOT],
    attached_to: null,
  };
}

function source(id: string, label: string, state: Status['sources'][number]['state'], summary: string, lookedAt: string, limitedBy = '', remedy = '') {
  return { id, label, state, summary, looked_at: lookedAt, limited_by: limitedBy, remedy };
}

function plugin(id: string, label: string, rest: Partial<PluginInfo>, now: number): PluginInfo {
  return {
    id,
    path: `${ROOT}/${id}.sock`,
    state: 'ok',
    status: 'ok',
    label,
    description: '',
    interfaces: ['reporter'],
    api_version: '1',
    last_report_ms: now - 400,
    latency_us: 4_000,
    report_bytes: 1_800,
    report_nodes: 1,
    failures: 0,
    next_attempt_ms: null,
    warnings: [],
    conflicts_with: null,
    ...rest,
  };
}

/** Sockets: those of the plugins that run, one that others run, one rejected, one whose id is taken. */
export function plugins(now: number): PluginInfo[] {
  const own = (id: string, label: string, latencyUs: number, rest: Partial<PluginInfo> = {}) => plugin(id, label, { path: `${SOCKETS}/${id}/${id}.sock`, latency_us: latencyUs, ...rest }, now);
  return [
    own('kubernetes', 'Kubernetes', 640_000, { report_nodes: 84, report_bytes: 61_000, last_report_ms: now - 7_000 }),
    own('iowait', 'I/O wait', 4_000, { description: 'Adds a graph of CPU I/O wait to hosts.', interfaces: ['reporter', 'controller'] }),
    own('traffic-control', 'Traffic control', 9_100, { report_nodes: 13, report_bytes: 11_400, last_report_ms: now - 1_900, warnings: ['A timestamp could not be read and was replaced.'] }),
    own('docker', 'Docker', 31_000, { report_nodes: 13, report_bytes: 48_000 }),
    own('systemd', 'systemd units', 12_400, { report_nodes: 96, report_bytes: 22_300, last_report_ms: now - 1_500 }),
    plugin('lamp', 'Desk lamp', { description: 'A lamp that somebody runs by hand.', interfaces: ['reporter', 'controller'] }, now),
    plugin('Bad_Name', 'Bad_Name', { path: `${ROOT}/Bad_Name.sock`, state: 'rejected', status: 'error: the name Bad_Name is not a valid plugin id', last_report_ms: null, latency_us: null, report_bytes: null, report_nodes: null, interfaces: [], api_version: '' }, now),
    plugin('iowait', 'I/O wait', { path: `${ROOT}/old/iowait.sock`, state: 'conflict', status: 'error: another socket has the id iowait', last_report_ms: null, latency_us: null, report_bytes: null, report_nodes: null, conflicts_with: `${SOCKETS}/iowait/iowait.sock` }, now),
  ];
}

/** What happened in the last hour; ids rise with time. */
export function events(now: number): Event[] {
  const hour = now - 60 * MINUTE_MS;
  const at = (minute: number) => hour + minute * MINUTE_MS;
  const list: Omit<Event, 'id'>[] = [
    event(at(7.2), 'started', 'tern;shop-cron;<container>', 'shop-cron', 'Started.'),
    event(at(16.2), 'started', 'tern;kitty;<process>', 'kitty', 'Started.'),
    event(at(24.6), 'stale', 'plugin:http-stats', 'HTTP statistics', 'No report for 15 s; its nodes are shown as stale.'),
    event(at(31.2), 'started', 'tern;psql;<process>', 'psql', 'Started.'),
    event(at(48.1), 'started', 'tern;shop-api-2;<container>', 'shop-api-2', 'Started: docker compose scaled api from 1 to 2.'),
    event(at(49.3), 'failed', 'tern;shop-api-1;<container>', 'shop-api-1', 'Exit 137, out of memory at 512 MB.'),
    event(at(50.7), 'started', 'tern;shop-api-1;<container>', 'shop-api-1', 'Started again.'),
    event(at(52.2), 'control', 'tern;<host>', 'tern', 'Switch to IO wait: done in 12 ms.', 'ada'),
    event(at(55.8), 'failed', 'plugin:http-stats', 'HTTP statistics', 'Cannot connect to the socket: connection refused.'),
    event(at(57.3), 'started', 'plugin:volume-count', 'Volume counts', 'First report after 38 ms.'),
    ...[57.6, 57.9, 58.3, 58.8, 59.4].map((minute) => event(at(minute), 'failed', 'plugin:http-stats', 'HTTP statistics', 'Crashed, exit 101; next try in 32 s.')),
    event(at(58.1), 'info', 'plugin:gpu-nvml', 'gpu-nvml', 'Install of 0.3.1 ordered.', 'ada'),
    event(at(58.6), 'stale', 'plugin:kubernetes', 'Kubernetes', 'Degraded: a report took 640 ms, limit 500 ms.'),
  ];
  return list.map((entry, index) => ({ id: index + 1, ...entry }));
}

function event(atMs: number, kind: string, subject: string, label: string, text: string, user = ''): Omit<Event, 'id'> {
  return { at_ms: Math.round(atMs), kind, subject, label, text, user };
}
