import { sentence, type StateWord } from '../format/plugin';

/** Where the objects of the data plane are. */
export const SERVICES_PATH = '/apis/aggregation.orrery/v1alpha1/dataplaneservices';

/** A finding about an object. */
export interface ServiceCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  /** RFC 3339. */
  lastTransitionTime: string;
}

/** One thing that a plugin serves. */
export interface ServiceRoute {
  type: string;
  method?: string;
  path?: string;
  access?: string;
  timeout?: string;
  idleTimeout?: string;
  maxBody?: number | string;
  pathMode?: string;
  protocols?: string[];
  uid?: string;
  url?: string;
}

/** A `DataPlaneService` as the engine shows it. */
export interface ServiceObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    creationTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec: { pluginID: string; pluginType: string; group: string; version: string; services: ServiceRoute[] };
  status: { conditions: ServiceCondition[] };
}

/** A list of objects, and from where a watch goes on. */
export interface ServiceList {
  metadata?: { resourceVersion?: string };
  items: ServiceObject[];
}

/** A line of a watch. */
export type ServiceEvent = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: ServiceObject } | { type: 'ERROR'; object: { code: number; message: string } };

/** `http-stats.example/v1`, by which requests know it. */
export function addressOf(service: ServiceObject): string {
  return `${service.spec.group}/${service.spec.version}`;
}

export function conditionOf(service: ServiceObject, type: string): ServiceCondition | null {
  return service.status.conditions.find((condition) => condition.type === type) ?? null;
}

function word(rank: number, tone: StateWord['tone'], icon: string, text: string): StateWord {
  return { word: text, icon, tone, rank };
}

/** Reasons of the engine in a word or two; an unknown one is shown as it is. */
const REASONS: Record<string, StateWord> = {
  Conflict: word(0, 'error', 'warning', 'Conflict'),
  Invalid: word(0, 'error', 'warning', 'Invalid'),
  ParseError: word(0, 'error', 'warning', 'Unreadable'),
  CrashLoop: word(1, 'error', 'retry', 'Crash loop'),
  FailedProbe: word(2, 'error', 'close', 'No answer'),
  PeerMismatch: word(2, 'error', 'warning', 'Foreign socket'),
  SocketMissing: word(3, 'error', 'warning', 'No socket'),
  PluginNotFound: word(4, 'warn', 'warning', 'No plugin'),
  PluginNotRunning: word(5, 'warn', 'stop', 'Not running'),
  Draining: word(6, 'busy', 'clock', 'Draining'),
};

const UNPROBED = word(11, 'quiet', 'clock', 'Not probed');
const AVAILABLE = word(12, 'ok', 'check', 'Available');

/** How it stands with an object, worst first. */
export function serviceState(service: ServiceObject): StateWord {
  for (const type of ['Accepted', 'Available']) {
    const condition = conditionOf(service, type);
    if (condition?.status === 'False') return REASONS[condition.reason] ?? word(2, 'error', 'warning', condition.reason);
  }
  return conditionOf(service, 'Available')?.status === 'True' ? AVAILABLE : UNPROBED;
}

/** What is wrong, as a sentence; empty when nothing is. */
export function serviceTrouble(service: ServiceObject): string {
  const bad = ['Accepted', 'Available'].map((type) => conditionOf(service, type)).find((condition) => condition?.status === 'False');
  return bad ? sentence(bad.message || bad.reason) : '';
}

/** Since when the worst finding holds, in milliseconds since the epoch; null when that is not said. */
export function serviceSince(service: ServiceObject): number | null {
  const accepted = conditionOf(service, 'Accepted');
  const shown = accepted?.status === 'False' ? accepted : conditionOf(service, 'Available');
  const ms = Date.parse(shown?.lastTransitionTime ?? '');
  return Number.isFinite(ms) ? ms : null;
}

/** `3 routes, 1 stream` */
export function servesOf(service: ServiceObject): string {
  const counts = new Map<string, number>();
  for (const { type } of service.spec.services) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => (type === 'query' || type === 'admission' || type === 'conversion' ? type : `${count} ${count === 1 ? NAMES[type] ?? type : NAMES_MANY[type] ?? `${type}s`}`)).join(', ');
}

const NAMES: Record<string, string> = { 'datasource-proxy': 'proxy' };
const NAMES_MANY: Record<string, string> = { 'datasource-proxy': 'proxies' };

/** Below the prefix, what callers ask for. */
const OUTSIDE: Record<string, string[]> = {
  query: ['/datasources/{uid}/query'],
  admission: ['/admission/mutate', '/admission/validate'],
  conversion: ['/conversion'],
  'datasource-proxy': ['/proxy/{uid}/…'],
};

/** A route as a caller uses it. */
export interface RouteLine {
  type: string;
  /** `any` where every method goes. */
  method: string;
  path: string;
  access: string;
  notes: string;
}

/** Routes with what holds where the object says nothing. */
export function routeLines(service: ServiceObject): RouteLine[] {
  const prefix = `/apis/${addressOf(service)}`;
  return service.spec.services.flatMap((route) => {
    const hook = OUTSIDE[route.type];
    const method = hook ? (route.type === 'datasource-proxy' ? 'any' : 'POST') : (route.method ?? (route.type === 'stream' ? 'GET' : 'any'));
    const looks = method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || ['query', 'admission', 'conversion'].includes(route.type);
    const upgrades = (route.protocols ?? []).some((protocol) => protocol === 'websocket' || protocol.startsWith('upgrade/'));
    const access = route.access ?? (looks && !upgrades ? 'view' : 'control');
    const notes = [...(route.protocols ?? []), route.timeout ? `${route.timeout} timeout` : '', route.pathMode === 'full' ? 'full path' : ''].filter(Boolean).join(', ');
    return (hook ?? [route.path ?? '']).map((path) => ({ type: route.type, method, path: `${prefix}${path.replace('{uid}', route.uid ?? '{uid}')}`, access, notes }));
  });
}

/** What a person may change of an object: neither what the engine counts nor what it found. */
export function editable(service: ServiceObject): Record<string, unknown> {
  const { name, labels, annotations } = service.metadata;
  return {
    apiVersion: service.apiVersion,
    kind: service.kind,
    metadata: { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    spec: service.spec,
  };
}
