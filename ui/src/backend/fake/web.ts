import { parse } from 'yaml';

import type { AuditEntry } from '../../state/audit.svelte';
import { type ServiceObject, SERVICES_PATH } from '../../state/service-object';
import { FakeTasks } from './tasks';
import { apiError, type LineEvents, type LineHandle, type WebRequest } from '../backend';

const AGO_MS = 3 * 3_600_000;

function condition(type: string, status: 'True' | 'False' | 'Unknown', reason: string, message: string, agoMs: number) {
  return { type, status, reason, message, lastTransitionTime: new Date(Date.now() - agoMs).toISOString() };
}

function service(name: string, pluginID: string, group: string, services: ServiceObject['spec']['services'], available: ServiceObject['status']['conditions'][number]): ServiceObject {
  return {
    apiVersion: 'aggregation.orrery/v1alpha1',
    kind: 'DataPlaneService',
    metadata: { name, uid: name, resourceVersion: '7', generation: 1, creationTimestamp: new Date(Date.now() - AGO_MS).toISOString() },
    spec: { pluginID, pluginType: 'app', group, version: 'v1', services },
    status: { conditions: [condition('Accepted', 'True', 'Valid', 'In force', AGO_MS), available] },
  };
}

function begin(): ServiceObject[] {
  return [
    service(
      'docker',
      'docker',
      'docker.example',
      [
        { type: 'route', method: 'GET', path: '/images' },
        { type: 'route', method: 'POST', path: '/prune', access: 'admin', timeout: '1m' },
        { type: 'stream', path: '/events', protocols: ['sse', 'websocket'] },
      ],
      condition('Available', 'True', 'Passed', 'The last probe was answered', 12 * 60_000),
    ),
    service('http-stats', 'http-stats', 'http-stats.example', [{ type: 'query' }, { type: 'route', path: '/report' }], condition('Available', 'False', 'CrashLoop', 'The plugin ended three times: exit 101, cannot open BPF map', 4 * 60_000)),
  ];
}

const WHATS = ['control', 'plugin restart', 'apply services', 'make token', 'plugin install'];
const COUNT = 450;

function entries(): AuditEntry[] {
  return Array.from({ length: COUNT }, (_, at): AuditEntry => {
    const what = WHATS[at % WHATS.length] ?? 'control';
    return {
      id: at + 1,
      at_ms: Date.now() - (COUNT - at) * 240_000,
      user: at % 3 === 0 ? 'token ci' : 'ada',
      role: at % 3 === 0 ? 'control' : 'admin',
      origin: at % 3 === 0 ? 'http' : 'window',
      ...(at % 3 === 0 ? { from: '127.0.0.1' } : {}),
      what,
      subject: what.startsWith('plugin') ? 'plugin:docker' : what === 'control' ? 'tern;<host>' : '',
      ...(what === 'control' ? { detail: 'iowait~switchToIdle' } : {}),
      result: at % 11 === 5 ? 'forbidden' : 'done',
      ...(at % 11 === 5 ? { message: 'token ci may not do this: it needs the role Admin.' } : {}),
      took_ms: 3 + (at % 40),
    };
  });
}

/** Addresses of cardboard: services that can be changed, and a log of who did what. */
export class FakeWeb {
  #services: Map<string, ServiceObject>;
  #audit: AuditEntry[];
  #tasks: FakeTasks;
  #followers = new Set<LineEvents>();
  #revision = 8;

  constructor(empty: boolean) {
    this.#tasks = new FakeTasks(empty);
    this.#services = new Map(empty ? [] : begin().map((one) => [one.metadata.name, one]));
    this.#audit = empty ? [] : entries();
  }

  answer(request: WebRequest): unknown {
    const { method, path, body } = request;
    const task = this.#tasks.answer(request);
    if (task !== undefined) return task;
    const url = new URL(path, 'http://fake');
    if (url.pathname === '/api/audit') return this.#page(url.searchParams);
    if (url.pathname === SERVICES_PATH) return method === 'PUT' ? this.#apply(body ?? '') : { metadata: { resourceVersion: String(this.#revision) }, items: [...this.#services.values()] };
    if (method === 'DELETE' && url.pathname.startsWith(`${SERVICES_PATH}/`)) return this.#delete(decodeURIComponent(url.pathname.slice(SERVICES_PATH.length + 1)));
    throw apiError('not_found', `There is nothing at ${url.pathname}.`);
  }

  follow(events: LineEvents): LineHandle {
    this.#followers.add(events);
    return { close: () => this.#followers.delete(events) };
  }

  #page(query: URLSearchParams): AuditEntry[] {
    const limit = Number(query.get('limit') ?? 100);
    const after = query.get('after');
    return after === null ? this.#audit.slice(-limit) : this.#audit.filter((entry) => entry.id > Number(after)).slice(0, limit);
  }

  #apply(text: string): { items: ServiceObject[] } {
    const given = parse(text) as ServiceObject;
    const fields = (given.spec?.services ?? []).flatMap(({ type }, at) => (['route', 'stream', 'query'].includes(type) ? [] : [{ field: `spec.services[${at}].type`, message: `there is no type ${type}` }]));
    if (!given.metadata?.name) fields.push({ field: 'metadata.name', message: 'is missing' });
    if (fields.length > 0) throw { ...apiError('bad_request', 'The object is not valid.'), fields };
    this.#revision += 1;
    const made: ServiceObject = {
      ...given,
      metadata: { ...given.metadata, resourceVersion: String(this.#revision), generation: 1, creationTimestamp: new Date().toISOString() },
      spec: { ...given.spec, pluginType: given.spec.pluginType ?? 'app' },
      status: { conditions: [condition('Accepted', 'True', 'Valid', 'In force', 0), condition('Available', 'Unknown', 'NotProbed', '', 0)] },
    };
    this.#services.set(made.metadata.name, made);
    this.#tell('MODIFIED', made);
    return { items: [made] };
  }

  #delete(name: string): null {
    const known = this.#services.get(name);
    if (!known) throw apiError('not_found', `There is no service ${name}.`);
    this.#services.delete(name);
    this.#tell('DELETED', known);
    return null;
  }

  #tell(type: string, object: ServiceObject): void {
    for (const events of this.#followers) events.line(JSON.stringify({ type, object }));
  }
}
