import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import { FakeBackend, type FakeOptions } from '../src/backend/fake/fake';
import { App } from '../src/state/app.svelte';
import { addressOf, editable, routeLines, type ServiceObject, servesOf, serviceState, serviceTrouble } from '../src/state/service-object';
import { fieldLine, yamlOf } from '../src/state/yaml-fields';

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = vi.fn(() => null) as unknown as HTMLCanvasElement['getContext'];
  localStorage.clear();
});

afterEach(() => cleanup());

function open(hash: string, options: FakeOptions = {}): App {
  window.history.replaceState(null, '', hash);
  const app = new App(new FakeBackend(options));
  render(Window, { app });
  return app;
}

const OBJECT: ServiceObject = {
  apiVersion: 'aggregation.orrery/v1alpha1',
  kind: 'DataPlaneService',
  metadata: { name: 'shop', resourceVersion: '9', generation: 3, uid: 'u', creationTimestamp: '2026-11-21T10:00:00Z' },
  spec: {
    pluginID: 'shop',
    pluginType: 'app',
    group: 'shop.example',
    version: 'v1',
    services: [{ type: 'route', path: '/orders' }, { type: 'route', method: 'GET', path: '/report', timeout: '2s' }, { type: 'stream', path: '/events', protocols: ['websocket'] }, { type: 'stream', path: '/feed', protocols: ['sse'] }, { type: 'query' }, { type: 'datasource-proxy', uid: 'loki' }],
  },
  status: { conditions: [] },
};

function withConditions(accepted: string, available: string, reason: string): ServiceObject {
  const of = (type: string, status: string) => ({ type, status: status as 'True', reason, message: `${type} is ${status}`, lastTransitionTime: '2026-11-21T11:00:00Z' });
  return { ...OBJECT, status: { conditions: [of('Accepted', accepted), of('Available', available)] } };
}

describe('service objects', () => {
  it('say how they stand, the first thing that is wrong before the rest', () => {
    expect(serviceState(withConditions('True', 'True', 'Passed')).word).toBe('Available');
    expect(serviceState(withConditions('True', 'Unknown', 'NotProbed')).word).toBe('Not probed');
    expect(serviceState(withConditions('True', 'False', 'CrashLoop')).tone).toBe('error');
    expect(serviceState(withConditions('False', 'True', 'Conflict')).word).toBe('Conflict');
    expect(serviceState(withConditions('True', 'False', 'SomethingNew')).word).toBe('SomethingNew');
    expect(serviceState(OBJECT).word).toBe('Not probed');
    expect(serviceTrouble(withConditions('True', 'False', 'CrashLoop'))).toBe('Available is False.');
    expect(serviceTrouble(withConditions('True', 'Unknown', 'NotProbed'))).toBe('');
  });

  it('show each address as callers use it, with the right it asks for', () => {
    expect(addressOf(OBJECT)).toBe('shop.example/v1');
    expect(servesOf(OBJECT)).toBe('2 routes, 2 streams, query, 1 proxy');
    expect(routeLines(OBJECT).map(({ method, path, access }) => `${method} ${path} ${access}`)).toEqual([
      'any /apis/shop.example/v1/orders control',
      'GET /apis/shop.example/v1/report view',
      'GET /apis/shop.example/v1/events control',
      'GET /apis/shop.example/v1/feed view',
      'POST /apis/shop.example/v1/datasources/{uid}/query view',
      'any /apis/shop.example/v1/proxy/loki/… control',
    ]);
  });

  it('are edited as YAML without what the engine counts', () => {
    const text = yamlOf(editable(OBJECT));
    expect(text).toContain('name: shop');
    expect(text).not.toMatch(/status:|uid: u|generation|resourceVersion/);
  });

  it('have their faults found in the text', () => {
    const text = 'kind: DataPlaneService\nmetadata:\n  name: a\nspec:\n  services:\n    - type: route\n      path: /a\n    - { type: rout }\n';
    expect(fieldLine(text, 'spec.services[1].type')).toBe(8);
    expect(fieldLine(text, 'spec.services[0].path')).toBe(7);
    expect(fieldLine(text, 'spec.group')).toBe(4);
    expect(fieldLine(text, 'nothing')).toBeNull();
    expect(fieldLine('a: [', 'a')).toBe(1);
    expect(fieldLine(`x: 1\n---\n${text}`, 'spec.services[1].type')).toBe(10);
  });
});

describe('services page', () => {
  it('lists what is declared, the broken one first, and shows its conditions and routes', async () => {
    open('#/services');
    const rows = await screen.findAllByTestId('service-row-state');
    expect(rows.map((row) => row.textContent)).toEqual(['Crash loop', 'Available']);
    expect(screen.getByTestId('service-reason').textContent).toContain('cannot open BPF map');
    await fireEvent.click(screen.getByTestId('service-docker'));
    const detail = await screen.findByTestId('service-detail');
    expect(window.location.hash).toContain('service=docker');
    expect(within(detail).getByTestId('condition-Available').textContent).toContain('Passed');
    expect(within(detail).getAllByTestId('service-route')).toHaveLength(3);
    await fireEvent.click(await within(detail).findByTestId('service-plugin'));
    expect(window.location.hash).toContain('#/plugins?plugin=docker');
  });

  it('puts what is wrong with a text beside it, and takes what is right', async () => {
    const app = open('#/services');
    await fireEvent.click(await screen.findByTestId('service-apply'));
    const text = await screen.findByTestId<HTMLTextAreaElement>('apply-text');
    const good = text.value;
    await fireEvent.input(text, { target: { value: good.replace('type: route', 'type: rout') } });
    await fireEvent.click(screen.getByTestId('apply-go'));
    const error = await screen.findByTestId('apply-error');
    expect(error.textContent).toContain('spec.services[0].type');
    await waitFor(() => expect(error.textContent).toContain('line 10'));
    await fireEvent.click(within(error).getByRole('button'));
    expect(text.value.slice(text.selectionStart, text.selectionEnd)).toContain('type: rout');
    await fireEvent.input(text, { target: { value: good } });
    await fireEvent.click(screen.getByTestId('apply-go'));
    await waitFor(() => expect(screen.queryByTestId('apply-dialog')).toBeNull());
    expect(screen.getByTestId('service-my-service')).toBeTruthy();
    expect(app.place.service).toBe('my-service');
  });

  it('asks before it deletes', async () => {
    const app = open('#/services?service=docker');
    await waitFor(() => expect(app.live.status?.hostname).toBe('tern'));
    await fireEvent.click(await screen.findByTestId('service-delete'));
    const question = await screen.findByTestId('confirm');
    expect(question.textContent).toContain('Delete docker from tern?');
    await fireEvent.click(screen.getByTestId('confirm-yes'));
    await waitFor(() => expect(screen.queryByTestId('service-docker')).toBeNull());
    expect(screen.queryByTestId('service-detail')).toBeNull();
  });

  it('follows what others change', async () => {
    const app = open('#/services');
    await waitFor(() => expect(screen.getByTestId('services-page').dataset.following).toBe('true'));
    await app.backend.send({ method: 'DELETE', path: '/apis/aggregation.orrery/v1alpha1/dataplaneservices/http-stats' });
    await waitFor(() => expect(screen.queryByTestId('service-http-stats')).toBeNull());
  });

  it('takes no older word for a newer one, and tells who edits what others changed meanwhile', async () => {
    const app = open('#/services?service=docker');
    await waitFor(() => expect(screen.getByTestId('services-page').dataset.following).toBe('true'));
    const path = '/apis/aggregation.orrery/v1alpha1/dataplaneservices';
    const [docker] = (app.services.list ?? []).filter((service) => service.metadata.name === 'docker');
    if (!docker) throw new Error('no service');
    await fireEvent.click(screen.getByTestId('service-edit'));
    const text = await screen.findByTestId<HTMLTextAreaElement>('apply-text');
    await waitFor(() => expect(text.value).toContain('name: docker'));
    // The answer to an order may be overtaken by what followed it.
    const send = app.backend.send.bind(app.backend);
    app.backend.send = async (request) => (request.method === 'PUT' ? ({ items: [{ ...docker, metadata: { ...docker.metadata, resourceVersion: '1' } }] } as never) : send(request));
    await app.services.apply('');
    expect(app.services.find('docker')?.metadata.resourceVersion).toBe('7');
    app.backend.send = send;
    await app.backend.send({ method: 'PUT', path, body: JSON.stringify({ ...docker, metadata: { name: 'docker', uid: 'another' } }) });
    await waitFor(() => expect(app.services.find('docker')?.metadata.uid).toBe('another'));
    await fireEvent.click(screen.getByTestId('apply-go'));
    expect((await screen.findByTestId('apply-refused')).textContent).toContain('Somebody else changed docker');
    await fireEvent.click(screen.getByTestId('apply-go'));
    await waitFor(() => expect(screen.queryByTestId('apply-dialog')).toBeNull());
  });

  it('says what services are where there are none, and changes nothing for those who may only look', async () => {
    open('#/services', { empty: true, role: 'view' });
    expect((await screen.findByTestId('services-empty')).textContent).toContain('orrery service apply');
    await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('service-apply').disabled).toBe(true));
    expect(screen.getByTestId<HTMLButtonElement>('services-empty-apply').disabled).toBe(true);
  });
});

describe('audit log', () => {
  it('shows who did what, page by page to the first entry', async () => {
    open('#/audit');
    const page = () => screen.getByTestId('audit-page').textContent;
    await waitFor(() => expect(page()).toContain('200 newest entries'));
    expect(screen.getAllByTestId('audit-entry').length).toBeGreaterThan(20);
    await fireEvent.click(screen.getByTestId('audit-older'));
    await waitFor(() => expect(page()).toContain('400 newest entries'));
    await fireEvent.click(screen.getByTestId('audit-older'));
    await waitFor(() => expect(page()).toContain('450 entries'));
    await waitFor(() => expect(screen.queryByTestId('audit-older')).toBeNull());
  });

  it('is filtered by words, and says so when nothing fits', async () => {
    open('#/audit');
    await screen.findAllByTestId('audit-entry');
    await fireEvent.input(screen.getByTestId('audit-filter'), { target: { value: 'TOKEN restart' } });
    const left = screen.getAllByTestId('audit-entry');
    expect(left.length).toBeGreaterThan(0);
    expect(left.every((entry) => entry.dataset.what === 'plugin restart')).toBe(true);
    await fireEvent.input(screen.getByTestId('audit-filter'), { target: { value: 'no such words' } });
    expect(screen.getByTestId('audit-none').textContent).toContain('No entry fits');
  });

  it('is empty before anything was changed, and closed to those who may only look', async () => {
    open('#/audit', { empty: true });
    expect((await screen.findByTestId('audit-empty')).textContent).toContain('Nobody has changed anything');
    cleanup();
    open('#/audit', { role: 'view' });
    expect((await screen.findByTestId('audit-forbidden')).textContent).toContain('as view');
  });
});
