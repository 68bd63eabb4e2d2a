import type { ExitView } from '../../generated/ExitView';
import type { HealthCheck } from '../../generated/HealthCheck';
import type { HealthState } from '../../generated/HealthState';
import type { InstanceView } from '../../generated/InstanceView';
import type { LimitView } from '../../generated/LimitView';
import type { ManagedPlugin } from '../../generated/ManagedPlugin';
import type { PolicyRule } from '../../generated/PolicyRule';
import type { RejectedPackage } from '../../generated/RejectedPackage';
import type { RevisionView } from '../../generated/RevisionView';
import type { UsagePoint } from '../../generated/UsagePoint';
import { noise, reading } from './random';

const MIB = 1024 ** 2;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Beat of resource points and of health checks, in milliseconds. */
const USAGE_MS = 10_000;
const CHECKS = 20;
export const SOCKETS = '/run/user/1000/orrery/plugins';

export function revision(version: string, daysAgo: number, signature = 'valid:orrery-release'): RevisionView {
  const hash = [...Array(8)].map((_, at) => Math.floor(noise(version, at) * 2 ** 32).toString(16).padStart(8, '0')).join('');
  return { version, sha256: hash, signature, installed_ms: Date.now() - daysAgo * DAY_MS, bytes: Math.round((2 + 6 * noise(version)) * MIB) };
}

function rule(key: string, type: PolicyRule['type'], rest: Partial<PolicyRule>): PolicyRule {
  return { key, prefix: '/http-stats', type, description: '', required: false, default: null, min: null, max: null, values: [], ...rest };
}

const HTTP_POLICY: PolicyRule[] = [
  rule('sample_rate', 'integer', { description: 'Packets looked at per second and interface.', default: 10, min: 1, max: 1000 }),
  rule('ports', 'string', { description: 'Ports that speak HTTP, with commas between.', default: '80', required: true }),
  rule('capture', 'enum', { description: 'How packets are taken.', default: 'socket', values: ['socket', 'ebpf', 'pcap'] }),
  rule('by_class', 'bool', { description: 'Count status codes by class.', default: true }),
  rule('window', 'duration', { description: 'Span that rates are averaged over.', default: '15s', min: 1, max: 300 }),
  rule('api_token', 'secret', { description: 'Token for the upstream that names services.' }),
];

function limits(memory: string, cpu: string, heldBy = 'cgroup v2'): LimitView[] {
  return [
    { id: 'memory', value: memory, held_by: heldBy, advisory: false, violations: 0 },
    { id: 'cpu', value: cpu, held_by: heldBy, advisory: false, violations: 2 },
    { id: 'pids', value: '32', held_by: heldBy, advisory: false, violations: 0 },
    { id: 'open_files', value: '256', held_by: 'rlimit', advisory: false, violations: 0 },
  ];
}

/** Points of the last ten minutes; the numbers go on with time. */
export function usagePoints(id: string, cpu: number, memoryMb: number, restarts: number, after: number): UsagePoint[] {
  const now = Math.floor(Date.now() / USAGE_MS);
  const points: UsagePoint[] = [];
  for (let seq = Math.max(after + 1, now - 59); seq <= now; seq += 1) {
    const at = seq * USAGE_MS;
    const memory = memoryMb * MIB * reading(`${id} memory`, 0.92, at / 20);
    points.push({ seq, at_ms: at, cpu_percent: 100 * reading(`${id} cpu`, cpu / 100, at), memory_bytes: memory, memory_peak_bytes: memoryMb * MIB * 1.1, processes: 1, open_files: 14, restarts });
  }
  return points;
}

function checks(id: string, state: HealthState, message = ''): HealthCheck[] {
  const now = Math.floor(Date.now() / USAGE_MS) * USAGE_MS;
  return [...Array(CHECKS)].map((_, at) => {
    const bad = state !== 'ok' && at >= CHECKS - 6;
    return { at_ms: now - (CHECKS - 1 - at) * USAGE_MS, state: bad ? state : 'ok', code: bad ? 3 : 0, messages: bad && message ? [message] : [], source: bad && state === 'degraded' ? 'health' : 'report', took_ms: Math.round(3 + 20 * noise(id, at) + (bad ? 600 : 0)) };
  });
}

function instance(id: string, rest: Partial<InstanceView>): InstanceView {
  const started = Date.now() - 95 * MINUTE_MS;
  return {
    state: 'running',
    reason: '',
    since_ms: started,
    pid: 33_000 + Math.round(900 * noise(id)),
    generation: 1,
    started_ms: started,
    next_try_ms: null,
    restarts: 0,
    last_exit: null,
    socket: `${SOCKETS}/${id}/${id}.sock`,
    limits: limits('64MiB', '50%'),
    health: { state: 'ok', checks: checks(id, 'ok'), streak: 412 },
    usage: null,
    ...rest,
  };
}

export function managed(id: string, label: string, version: string, rest: Partial<ManagedPlugin>, run: Partial<InstanceView> = {}): ManagedPlugin {
  return {
    id,
    label,
    description: '',
    origin: 'managed',
    activation: 'always',
    desired: 'automatic',
    interfaces: ['reporter'],
    instance: instance(id, run),
    current: revision(version, 12),
    pending: null,
    retained: [],
    config: { structured: null, text: null, hash: '', policy: [], rejected: '', effective: [], wrong: [] },
    operation: null,
    source: `/var/lib/orrery/packages/${id}-${version}.tar.zst`,
    ...rest,
  };
}

const IDLE: Partial<InstanceView> = { pid: null, started_ms: null, generation: 0, health: { state: 'unknown', checks: [], streak: 0 } };

function crash(): ExitView {
  return {
    kind: 'code',
    code: 101,
    signal: null,
    at_ms: Date.now() - 8_000,
    ran_ms: 840,
    text: 'Exit 101 after 840 ms: cannot open BPF map, operation not permitted.',
    last_lines: [
      'INFO  http-stats 1.4.0 starting, pid 33120',
      'INFO  config: sample_rate=10 ports=80,8080',
      'INFO  attaching to 3 interfaces',
      'WARN  bpf: kernel.unprivileged_bpf_disabled=2',
      'ERROR bpf_map_create: EPERM',
      'thread "main" panicked at src/map.rs:88:',
      '  cannot open BPF map: not permitted',
    ],
  };
}

/** What each plugin uses: per cent of a core, megabytes. */
export const LOADS: Record<string, [cpu: number, memoryMb: number]> = {
  kubernetes: [2.4, 41.2],
  iowait: [0.2, 6.1],
  'traffic-control': [0.1, 11.4],
  docker: [0.9, 18],
  systemd: [0.1, 7.8],
};

/** Nine plugins: one crashed, one degraded, one whose upgrade failed, one idle, one switched off. */
export function managedPlugins(): ManagedPlugin[] {
  const slow = 'Slow: the API server answered after 640 ms.';
  return [
    managed(
      'http-stats',
      'HTTP statistics',
      '1.4.0',
      {
        description: 'Requests per second and status codes per process.',
        interfaces: ['reporter', 'controller'],
        retained: [revision('1.3.2', 40), revision('1.3.0', 71)],
        config: { structured: { sample_rate: 10, ports: '80,8080,8443', capture: 'ebpf' }, text: null, hash: revision('c', 0).sha256, policy: HTTP_POLICY, rejected: '', effective: [{ key: 'sample_rate', value: 10, layer: 'plugin' }, { key: 'ports', value: '80,8080,8443', layer: 'plugin' }, { key: 'capture', value: 'ebpf', layer: 'plugin' }], wrong: [] },
      },
      { ...IDLE, state: 'backoff', generation: 4, restarts: 3, reason: 'Exit 101, third crash in 10 min: cannot open BPF map, operation not permitted.', last_exit: crash(), health: { state: 'failing', checks: checks('http-stats', 'failing', 'The process ended.'), streak: 6 } },
    ),
    managed('kubernetes', 'Kubernetes', '0.9.2', { description: 'Pods, services and controllers of the cluster.', interfaces: ['reporter', 'controller', 'health'] }, { restarts: 1, generation: 2, health: { state: 'degraded', checks: checks('kubernetes', 'degraded', slow), streak: 6 } }),
    managed('iowait', 'I/O wait', '1.0.2', { description: 'Adds a graph of CPU I/O wait to hosts.', interfaces: ['reporter', 'controller'], retained: [revision('1.0.1', 60)] }),
    managed('traffic-control', 'Traffic control', '1.1.0', {
      description: 'Shapes the traffic of containers.',
      interfaces: ['reporter', 'controller'],
      pending: { revision: revision('1.2.0', 0), step: 'probation', instance: null, failure: 'It answered with the id traffic-ctl; 1.1.0 runs again.', failed_ms: Date.now() - 3 * MINUTE_MS },
    }),
    managed('docker', 'Docker', '0.9.2', { description: 'Containers and images of the Docker engine.', interfaces: ['reporter', 'controller'] }),
    managed('systemd', 'systemd units', '0.9.2', { origin: 'local', description: 'Units of the system and of sessions.', current: revision('0.9.2', 12, 'off'), source: '/etc/orrery/plugins/systemd' }, { limits: limits('32MiB', '20%', 'sampling').map((limit) => ({ ...limit, advisory: limit.id !== 'open_files' })) }),
    managed('volume-count', 'Volume counts', '1.0.0', { activation: 'on-demand', description: 'Adds the number of volumes to containers.' }, { ...IDLE, state: 'idle' }),
    managed('arp-watch', 'ARP watch', '0.2.0', { desired: 'disabled', description: 'Reports neighbours that come and go.', current: revision('0.2.0', 90, 'unsigned') }, { ...IDLE, state: 'disabled' }),
  ];
}

export function rejectedPackages(): RejectedPackage[] {
  return [
    { path: '/var/lib/orrery/packages/net-flow-0.4.0.tar.gz', reason: 'No trusted key signed it. Put the publisher’s key into /etc/orrery/keys, or allow unsigned packages.', code: 'unsigned', at_ms: Date.now() - 22 * MINUTE_MS },
    { path: '/etc/orrery/plugins/gpu/plugin.toml', reason: 'Line 7, column 1: the key memroy is unknown; memory may be meant.', code: 'manifest', at_ms: Date.now() - 4 * MINUTE_MS },
  ];
}
