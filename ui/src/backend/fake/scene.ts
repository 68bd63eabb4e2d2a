/** The scene of the main picture: two machines, 36 nodes, placed by hand. */

export interface SceneNode {
  id: string;
  kind: 'process' | 'container' | 'pod' | 'pseudo' | 'group:process:name';
  label: string;
  minor: string;
  x: number;
  y: number;
  /** Box it stands in. */
  group: string | null;
  host: string;
  /** Usual share of its CPU and memory limits, 0 to 1. */
  cpu: number;
  memory: number;
  count: number;
}

const columns = (x: number) => Math.round((x - 208) / 0.9646);
const rows = (y: number) => Math.round((y - 42) / 0.9646);

function node(
  kind: SceneNode['kind'],
  label: string,
  minor: string,
  at: [number, number],
  group: string | null,
  cpu: number,
  memory = 0.3,
  count = 1,
): SceneNode {
  const host = group?.startsWith('wren') ? 'wren' : 'tern';
  const tag = kind === 'group:process:name' ? 'process' : kind;
  const id = kind === 'pseudo' ? `${at[0] < 470 ? 'out' : at[0] < 600 ? 'in' : 'stripe'}-internet` : `${host};${label};<${tag}>`;
  return { id, kind, label, minor, x: columns(at[0]), y: rows(at[1]), group, host, cpu, memory, count };
}

const ADA = 'tern/session: ada';
const SHOP = 'tern/compose: shop';
const KIND = 'tern/kubernetes: kind-dev';
const SYSTEM = 'tern/system.slice';
const WREN = 'wren';

export const NODES: SceneNode[] = [
  node('pseudo', 'The Internet', '38 outbound', [413, 105], null, 0),
  node('pseudo', 'The Internet', '14 inbound', [526, 105], null, 0),
  node('pseudo', 'api.stripe.com', '2 connections', [833, 105], null, 0),
  node('group:process:name', 'firefox', '14 processes', [305, 232], ADA, 0.34, 0.6, 14),
  node('group:process:name', 'code', '9 processes', [305, 332], ADA, 0.22, 0.4, 9),
  node('process', 'psql', 'pid 20 881', [305, 432], ADA, 0.01, 0.02),
  node('process', 'kitty', 'pid 4127', [305, 541], ADA, 0.03, 0.06),
  node('process', 'rust-analyzer', 'pid 5310', [305, 646], ADA, 0.71, 0.55),
  node('container', 'shop-web', 'nginx 1.27', [526, 232], SHOP, 0.12, 0.1),
  node('container', 'shop-cron', 'shop/cron 2.14.0', [671, 232], SHOP, 0.02, 0.1),
  node('container', 'shop-api-1', 'shop/api 2.14.0', [455, 332], SHOP, 0.63, 0.82),
  node('container', 'shop-api-2', 'shop/api 2.14.0', [563, 332], SHOP, 0.41, 0.76),
  node('container', 'shop-worker-1', 'shop/worker 2.14', [671, 332], SHOP, 0.28, 0.52),
  node('container', 'mailpit', 'mailpit 1.20', [768, 332], SHOP, 0.02, 0.08),
  node('container', 'postgres', 'postgres 16.4', [509, 432], SHOP, 0.47, 0.6),
  node('container', 'redis', 'redis 7.4', [623, 432], SHOP, 0.08, 0.11),
  node('container', 'minio', 'minio 2024-08', [768, 432], SHOP, 0.06, 0.2),
  node('pod', 'catalog-7d9f', '2 containers', [444, 541], KIND, 0.19, 0.34, 2),
  node('pod', 'coredns', 'kube-system', [552, 541], KIND, 0.02, 0.1),
  node('pod', 'kindnet-x8kq', 'kube-system', [660, 541], KIND, 0.02, 0.1),
  node('pod', 'payments-6c4b', '1 container', [768, 541], KIND, 0.11, 0.18),
  node('process', 'dockerd', 'pid 902', [439, 646], SYSTEM, 0.06, 0.12),
  node('process', 'containerd', 'pid 866', [521, 646], SYSTEM, 0.05, 0.08),
  node('process', 'sshd', 'pid 871', [604, 646], SYSTEM, 0, 0.01),
  node('process', 'journald', 'pid 412', [685, 646], SYSTEM, 0.02, 0.03),
  node('process', 'tailscaled', 'pid 940', [768, 646], SYSTEM, 0.03, 0.05),
  node('container', 'grafana', '11.2', [881, 232], WREN, 0.04, 0.2),
  node('process', 'caddy', 'pid 733', [964, 232], WREN, 0.03, 0.05),
  node('container', 'prometheus', '2.54', [881, 332], WREN, 0.24, 0.45),
  node('container', 'pg-replica', 'postgres 16.4', [964, 332], WREN, 0.09, 0.4),
  node('process', 'node_exporter', 'pid 811', [881, 432], WREN, 0.02, 0.02),
  node('process', 'sshd', 'pid 790', [964, 432], WREN, 0, 0.01),
  node('process', 'restic', 'backup.timer', [881, 541], WREN, 0.55, 0.2),
  node('container', 'homeassist', '2024.9', [964, 541], WREN, 0.09, 0.3),
  node('process', 'tailscaled', 'pid 720', [881, 646], WREN, 0.02, 0.05),
  node('process', 'dockerd', 'pid 655', [964, 646], WREN, 0.03, 0.1),
];

const t = (label: string, tag = 'container') => `tern;${label};<${tag}>`;
const w = (label: string, tag = 'container') => `wren;${label};<${tag}>`;

/** Client, server, port, connections, bytes per second. */
export type SceneEdge = [string, string, number, number, number];

export const EDGES: SceneEdge[] = [
  ['in-internet', t('shop-web'), 443, 14, 5_600_000],
  [t('shop-web'), t('shop-api-1'), 8080, 24, 1_900_000],
  [t('shop-web'), t('shop-api-2'), 8080, 21, 1_700_000],
  [t('shop-cron'), t('shop-api-2'), 8080, 1, 900],
  [t('firefox', 'process'), t('shop-web'), 443, 4, 640_000],
  [t('firefox', 'process'), 'out-internet', 443, 31, 420_000],
  [t('code', 'process'), 'out-internet', 443, 7, 12_000],
  [t('shop-api-1'), t('postgres'), 5432, 18, 842_000],
  [t('shop-api-1'), t('redis'), 6379, 6, 310_000],
  [t('shop-api-1'), t('catalog-7d9f', 'pod'), 8080, 4, 96_000],
  [t('shop-api-2'), t('postgres'), 5432, 16, 702_000],
  [t('shop-api-2'), t('redis'), 6379, 5, 280_000],
  [t('shop-api-2'), t('payments-6c4b', 'pod'), 8080, 2, 12_000],
  [t('shop-worker-1'), t('mailpit'), 1025, 1, 900],
  [t('shop-worker-1'), t('redis'), 6379, 2, 40_000],
  [t('shop-worker-1'), t('postgres'), 5432, 4, 96_000],
  [t('shop-worker-1'), t('minio'), 9000, 2, 120_000],
  [t('catalog-7d9f', 'pod'), t('coredns', 'pod'), 53, 2, 1_200],
  [t('catalog-7d9f', 'pod'), t('postgres'), 5432, 6, 96_000],
  [t('payments-6c4b', 'pod'), t('coredns', 'pod'), 53, 1, 800],
  [t('payments-6c4b', 'pod'), 'stripe-internet', 443, 2, 12_000],
  [t('psql', 'process'), t('postgres'), 5432, 1, 0],
  [t('dockerd', 'process'), t('containerd', 'process'), 0, 3, 4_000],
  [t('tailscaled', 'process'), w('tailscaled', 'process'), 41641, 1, 18_000],
  [w('grafana'), w('prometheus'), 9090, 3, 22_000],
  [w('caddy', 'process'), w('grafana'), 3000, 2, 18_000],
  [w('prometheus'), t('shop-api-1'), 9090, 1, 2_100],
  [w('prometheus'), w('node_exporter', 'process'), 9100, 1, 3_400],
  [w('prometheus'), w('pg-replica'), 9187, 1, 1_400],
  [w('pg-replica'), t('postgres'), 5432, 1, 540_000],
  [w('restic', 'process'), t('minio'), 9000, 4, 11_800_000],
];

/** Boxes: id, parent, field, label, facts, then corners as in the picture. */
export const GROUPS: [string, string | null, string, string, string, number, number, number, number][] = [
  ['tern', null, 'host', 'tern', '8 cores · load 2.31', 224, 157, 826, 711],
  ['wren', null, 'host', 'wren', '4 cores · load 0.44', 842, 157, 1006, 711],
  [ADA, 'tern', 'unit', 'session: ada', '', 236, 188, 374, 699],
  [SHOP, 'tern', 'unit', 'compose: shop', '', 387, 188, 813, 487],
  [KIND, 'tern', 'unit', 'kubernetes: kind-dev', '', 387, 497, 813, 595],
  [SYSTEM, 'tern', 'unit', 'system.slice', '', 387, 604, 813, 699],
];

export const sceneX = columns;
export const sceneY = rows;
