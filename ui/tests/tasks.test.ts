import { parse } from 'yaml';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import { FakeBackend, type FakeOptions } from '../src/backend/fake/fake';
import { App } from '../src/state/app.svelte';
import { readForm, withCollect, withSchedule, withSink, withThreshold } from '../src/state/manifest-form';
import { inOrder } from '../src/state/task';
import { alertManifest, queriesFor, recordManifest } from '../src/state/task-begin';

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

function row(name: string): HTMLElement {
  const found = screen.getAllByTestId('task-row').find((one) => one.dataset.task === name);
  if (!found) throw new Error(`no row of ${name}`);
  return found;
}

describe('the page of tasks', () => {
  it('shows the worst first, and why', async () => {
    open('#/tasks');
    await screen.findByTestId('task-list');
    expect(screen.getAllByTestId('task-row').map((one) => one.dataset.task)).toEqual(['http-to-file', 'gpu-watch', 'io-to-file', 'load-test']);
    expect(screen.getAllByTestId('task-reason').map((one) => one.textContent)).toEqual(['No plugin delivers /http-stats/container/*/req_per_sec.', 'Waits for plugin gpu-nvml']);
    expect(within(row('http-to-file')).getByText('Failing, slow')).toBeTruthy();
  });

  it('stops, starts and removes a task, asking before what cannot be undone', async () => {
    const app = open('#/tasks?task=t1');
    const detail = await screen.findByTestId('task-detail');
    await waitFor(() => expect(screen.getByTestId('task-manifest').textContent).toContain('/iowait/host/*/iowait'));
    expect((within(detail).getByTestId('task-remove') as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.click(within(detail).getByTestId('task-stop'));
    await waitFor(() => expect(row('io-to-file').dataset.state).toBe('stopped'));
    await waitFor(() => expect((screen.getByTestId('task-remove') as HTMLButtonElement).disabled).toBe(false));
    await fireEvent.click(screen.getByTestId('task-remove'));
    expect(app.confirmation?.title).toContain('Remove io-to-file');
    app.confirmation?.run(false);
    await waitFor(() => expect(screen.queryAllByTestId('task-row').map((one) => one.dataset.task)).not.toContain('io-to-file'));
    expect(app.place.task).toBe('');
  });

  it('makes a task, with everything wrong beside the text before', async () => {
    const app = open('#/tasks', { empty: true });
    await fireEvent.click(await screen.findByTestId('tasks-empty-new'));
    const text = (await screen.findByTestId('task-text')) as HTMLTextAreaElement;
    expect(text.value).toContain('version: 2');
    await fireEvent.input(text, { target: { value: 'version: 2\nname: mine\nschedule: { type: simple, interval: 0s }\n' } });
    await waitFor(() => expect(screen.getAllByTestId('task-error')).toHaveLength(2));
    await waitFor(() => expect(screen.getAllByTestId('task-error')[0]?.textContent).toContain('schedule.interval line 3'));
    await fireEvent.input(text, { target: { value: 'version: 2\nname: mine\nschedule: { type: simple, interval: 1s }\ncollect: { /a: {} }\n' } });
    await fireEvent.click(screen.getByTestId('task-apply'));
    await waitFor(() => expect(app.taskDraft).toBeNull());
    await waitFor(() => expect(row('mine').dataset.state).toBe('scheduled'));
  });

  it('begins tasks with nodes and metrics', () => {
    const queries = queriesFor(['a/b;<host>'], ['load1']);
    expect(recordManifest('load', queries)).toContain('"/*/*/a\\\\/b\\\\;<host>/load1": {}');
    expect(alertManifest('load', queries, 3)).toMatch(/plugin: threshold\n {4}config: \{ above: 3 \}/);
    expect(queriesFor(['a;<host>', 'b;<host>'], ['load1', 'cpu'])).toEqual(['/*/*/(a\\;<host>;b\\;<host>)/load1', '/*/*/(a\\;<host>;b\\;<host>)/cpu']);
  });

  it('shows the last runs, where values go, and what it is bound to', async () => {
    open('#/tasks?task=t2');
    const detail = await screen.findByTestId('task-detail');
    expect(within(row('http-to-file')).getByRole('img').getAttribute('aria-label')).toBe('Last 30 runs: 15 ok, 3 partial, 12 failed');
    expect(row('http-to-file').textContent).toContain('→ moving-average → file out.jsonl');
    expect(within(detail).getByTestId('task-trouble').textContent).toContain('12 runs failed in a row, now every 1');
    expect(within(detail).getAllByTestId('task-past-run')[0]?.dataset.outcome).toBe('failed');
    expect((await within(detail).findByTestId('task-subscription')).textContent).toContain('iowait');
  });

  it('lets who may control start, stop and run, and no more', async () => {
    const app = open('#/tasks?task=t1', { role: 'control' });
    await screen.findByTestId('task-detail');
    await waitFor(() => expect(app.tasksOff).not.toBe(''));
    expect((screen.getByTestId('task-run') as HTMLButtonElement).disabled).toBe(false);
    expect((screen.getByTestId('task-stop') as HTMLButtonElement).disabled).toBe(false);
    expect((screen.getByTestId('task-edit') as HTMLButtonElement).disabled).toBe(true);
    expect((screen.getByTestId('task-new') as HTMLButtonElement).disabled).toBe(true);
  });

  it('begins a task with the metrics of a card, and writes each choice into its manifest', async () => {
    const app = open('#/view/hosts?card=hosts/tern%3B%3Chost%3E');
    await fireEvent.click(await screen.findByTestId('card-alert'));
    const text = (await screen.findByTestId('task-text')) as HTMLTextAreaElement;
    expect(text.value).toContain('plugin: threshold');
    const form = await screen.findByTestId('task-form');
    const [, second] = within(form).getAllByTestId(/^task-metric-/);
    if (!second) throw new Error('a host has more than one metric');
    const queries = () => Object.keys((app.taskDraft && parse(text.value).collect) ?? {});
    expect(queries()).toHaveLength(1);
    await fireEvent.click(second);
    await waitFor(() => expect(queries()).toHaveLength(2));
    await fireEvent.input(screen.getByTestId('task-threshold'), { target: { value: '7.5' } });
    await waitFor(() => expect(text.value).toContain('above: 7.5'));
  });
});

describe('a manifest', () => {
  it('is shown in the order in which it is written', () => {
    const manifest = { collect: { '/b': {}, '/a': {} }, publish: [{ config: { path: 'x' }, plugin: 'file' }], schedule: { interval: '1s', type: 'simple' }, version: 2 };
    expect(JSON.stringify(inOrder(manifest))).toBe('{"version":2,"schedule":{"type":"simple","interval":"1s"},"collect":{"/b":{},"/a":{}},"publish":[{"plugin":"file","config":{"path":"x"}}]}');
  });

  it('is changed by a form, and keeps the rest as it was written', () => {
    const text = alertManifest('a', ['/orrery/host/*/load1'], 3).replace('version: 2', '# mine\nversion: 2');
    expect(readForm(text)).toEqual({ schedule: 'every 5s', sink: 'notification', threshold: { side: 'above', value: 3 } });
    const next = withThreshold(withSink(withSchedule(withCollect(text, ['/a', '/b']), 'cron 0 9 * * *'), 'file', { path: '/x' }), 'below', 4);
    expect(readForm(next)).toEqual({ schedule: 'cron 0 9 * * *', sink: 'file', threshold: { side: 'below', value: 4 } });
    expect(next).toContain('# mine');
    expect(next).toContain('config: { path: /x }');
    expect(Object.keys(parse(next).collect)).toEqual(['/a', '/b']);
    // Snap's manifests and what is no manifest are left alone.
    expect(readForm('version: 1\n')).toBeNull();
    expect(withSchedule('a: [', 'manual')).toBe('a: [');
  });
});

describe('the catalog', () => {
  it('is found by words and by query, and shows values', async () => {
    const app = open('#/catalog');
    await screen.findByTestId('metric-list');
    await waitFor(() => expect(screen.getAllByTestId('catalog-row')).toHaveLength(3));
    expect([...document.querySelectorAll('tr.group')].map((group) => group.textContent?.replace(/\s+/g, ' ').trim())).toEqual(['Built in · host 1', 'http-stats · container 1', 'I/O wait · host 1'].map((words) => expect.stringContaining(words.split(' · ')[1] ?? '')));
    const query = screen.getByTestId('metric-filter');
    await fireEvent.input(query, { target: { value: 'requests' } });
    await waitFor(() => expect(screen.getAllByTestId('catalog-row')).toHaveLength(1));
    expect(screen.getByTestId('catalog-row').textContent).toContain('it is in back-off');
    expect(window.location.hash).toContain('words=requests');
    await fireEvent.input(query, { target: { value: '/iowait/*' } });
    await waitFor(() => expect(screen.getAllByTestId('catalog-row').map((one) => one.dataset.namespace)).toEqual(['/iowait/host/*node/iowait']));
    await waitFor(() => expect(screen.getByTestId('catalog-now').textContent).toContain('3.5'));
    await fireEvent.click(screen.getByTestId('catalog-row'));
    await screen.findByTestId('catalog-value');
    expect(screen.getAllByTestId('catalog-version').map((version) => version.textContent)).toEqual([expect.stringContaining('0.1.0'), expect.stringContaining('0.0.9')]);
    await fireEvent.click(screen.getByTestId('catalog-record'));
    expect(app.taskDraft?.manifest).toContain('"/iowait/host/*/iowait": {}');
  });

  it('is walked with the keys alone', async () => {
    const app = open('#/catalog');
    const list = await screen.findByTestId('metric-list');
    await waitFor(() => expect(screen.getAllByTestId('catalog-row')).toHaveLength(3));
    list.focus();
    await fireEvent.keyDown(list, { key: 'ArrowDown' });
    await fireEvent.keyDown(list, { key: 'Enter' });
    expect(app.place.metric).not.toBe('');
    expect(list.getAttribute('aria-activedescendant')).toBe(screen.getAllByTestId('catalog-row').find((one) => one.getAttribute('aria-selected') === 'true')?.id);
    await fireEvent.keyDown(window, { key: 'Escape' });
    expect(app.place.metric).toBe('');
  });
});
