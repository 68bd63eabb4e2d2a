import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import { FakeBackend, type FakeOptions } from '../src/backend/fake/fake';
import { App } from '../src/state/app.svelte';
import { alertManifest, inOrder, recordManifest, scheduleWords } from '../src/state/task';

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

  it('begins tasks with what is shown', () => {
    const metric = { node: 'a/b;<host>', nodeLabel: 'a/b', metric: 'load1', metricLabel: 'Load' };
    expect(recordManifest(metric)).toContain('"/*/*/a\\\\/b\\\\;<host>/load1": {}');
    expect(alertManifest(metric, 3)).toMatch(/plugin: threshold\n {4}config: \{ above: 3 \}/);
  });
});

describe('a manifest', () => {
  it('is shown in the order in which it is written', () => {
    const manifest = { collect: { '/b': {}, '/a': {} }, publish: [{ config: { path: 'x' }, plugin: 'file' }], schedule: { interval: '1s', type: 'simple' }, version: 2 };
    expect(JSON.stringify(inOrder(manifest))).toBe('{"version":2,"schedule":{"type":"simple","interval":"1s"},"collect":{"/b":{},"/a":{}},"publish":[{"plugin":"file","config":{"path":"x"}}]}');
  });

  it('says when the task runs', () => {
    expect(scheduleWords({ schedule: { type: 'simple', interval: '5s' } })).toBe('every 5s');
    expect(scheduleWords({ schedule: { type: 'cron', entry: '0 9 * * *' } })).toBe('cron 0 9 * * *');
    expect(scheduleWords({ schedule: { type: 'manual' } })).toBe('manual');
  });
});

describe('the catalog', () => {
  it('is found by words and by query, and shows values', async () => {
    const app = open('#/catalog');
    await screen.findByTestId('catalog-list');
    expect(screen.getAllByTestId('catalog-row')).toHaveLength(3);
    const query = screen.getByTestId('catalog-query').querySelector('input') ?? (screen.getByTestId('catalog-query') as HTMLInputElement);
    await fireEvent.input(query, { target: { value: 'requests' } });
    await waitFor(() => expect(screen.getAllByTestId('catalog-row')).toHaveLength(1));
    expect(screen.getByTestId('catalog-row').textContent).toContain('it is in back-off');
    await fireEvent.input(query, { target: { value: '/iowait/*' } });
    await waitFor(() => expect(screen.getAllByTestId('catalog-row').map((one) => one.dataset.namespace)).toEqual(['/iowait/host/*node/iowait']));
    await fireEvent.click(screen.getByTestId('catalog-row'));
    await screen.findByTestId('catalog-value');
    await fireEvent.click(screen.getByTestId('catalog-collect'));
    expect(app.taskDraft?.manifest).toContain('"/iowait/host/*/iowait": {}');
  });
});
