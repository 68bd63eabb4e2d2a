import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import { FakeBackend, type FakeOptions } from '../src/backend/fake/fake';
import { App } from '../src/state/app.svelte';

const SOON = { timeout: 30_000 };

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = vi.fn(() => null) as unknown as HTMLCanvasElement['getContext'];
  localStorage.clear();
  sessionStorage.clear();
});

afterEach(() => cleanup());

function open(hash: string, options: FakeOptions = {}): App {
  window.history.replaceState(null, '', hash);
  const app = new App(new FakeBackend(options));
  render(Window, { app });
  return app;
}

function nameless(): string[] {
  return [...document.querySelectorAll<HTMLElement>('button, input, textarea, a[href], [role="button"], [role="switch"], [role="tab"]')]
    .filter((element) => element.getAttribute('aria-hidden') !== 'true')
    .filter((element) => {
      const label = element.getAttribute('aria-label') ?? element.getAttribute('title') ?? '';
      const own = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ? (element.labels?.[0]?.textContent ?? element.placeholder) : (element.textContent ?? '');
      return label.trim() === '' && own.trim() === '';
    })
    .map((element) => element.outerHTML.slice(0, 120));
}

describe('plugins page', () => {
  it('lists each plugin once, the crashed one first, with its reason, next try and a way to try it now', async () => {
    const app = open('#/plugins');
    const row = await screen.findByTestId('plugin-http-stats');
    expect(row.dataset.state).toBe('backoff');
    const rows = [...document.querySelectorAll<HTMLElement>('tr[data-key]')];
    expect(rows[0]).toBe(row);
    expect(new Set(rows.map((one) => one.dataset.key)).size).toBe(rows.length);
    expect(rows.filter((one) => one.dataset.testid === 'plugin-iowait')).toHaveLength(1);
    expect(screen.getAllByTestId('plugin-reason')[0]?.textContent).toContain('cannot open BPF map');
    expect(screen.getByTestId('plugin-retry-http-stats').textContent).toContain('Try now');
    expect(screen.getByTestId('plugin-Bad_Name').dataset.state).toBe('rejected');
    expect(screen.getByTestId('plugin-lamp').textContent).toContain('external');
    expect(within(row).getByTestId('plugin-row-state').textContent).toBe('Back-off');
    // The bar counts the same plugins, and names them once.
    expect(screen.getByTestId('open-plugins').textContent).toContain(String(app.plugins.entries.length));
    expect(screen.getByTestId('plugin-strip').textContent).not.toContain('Plugins');
    expect((await screen.findAllByTestId('rejected-package')).map((one) => one.textContent).join()).toContain('memroy');
    expect(nameless()).toEqual([]);
  });

  it('says once why one does not run', async () => {
    const app = open('#/plugins');
    const reason = () => [...document.querySelectorAll<HTMLElement>('tr.second')].find((row) => row.textContent?.includes('Try now'))?.querySelector('[data-testid="plugin-reason"]')?.textContent;
    await screen.findByTestId('plugin-http-stats');
    expect(reason()).toContain('cannot open BPF map');
    await fireEvent.click(screen.getByTestId('plugin-http-stats'));
    const said = (await screen.findByTestId('plugin-error')).textContent ?? '';
    expect(said).toContain('cannot open BPF map');
    expect(reason()).toBe('');
    expect(screen.getByTestId('last-exit').querySelector('.text')).toBeNull();
    // What it goes through is in its row; the other plugins' news stays below.
    const recent = document.querySelectorAll('.recent [data-testid="event"]');
    expect([...recent].filter((event) => event.textContent?.includes(app.plugins.find('http-stats')?.label ?? '-') && ['exited', 'backoff', 'crash_loop'].includes((event as HTMLElement).dataset.kind ?? ''))).toEqual([]);
  });

  it('tries a crashed one, stops a running one, and tells how it went', async () => {
    const app = open('#/plugins?plugin=docker');
    await fireEvent.click(await screen.findByTestId('order-stop'));
    await waitFor(() => expect(screen.getByTestId('plugin-docker').dataset.state).toBe('stopped'), SOON);
    await waitFor(() => expect(app.notice?.text).toContain('Stop Docker'), SOON);
    await fireEvent.click(await screen.findByTestId('order-start'));
    await waitFor(() => expect(screen.getByTestId('plugin-docker').dataset.state).toBe('running'), SOON);
  });

  it('asks before removing, and keeps the state where that is wanted', async () => {
    const app = open('#/plugins?plugin=arp-watch');
    const orders: unknown[] = [];
    const order = app.api.order.bind(app.api);
    app.api.order = (given) => {
      orders.push(given);
      return order(given);
    };
    await screen.findByTestId('plugin-detail');
    const { askRemove } = await import('../src/pages/plugins/questions');
    const plugin = app.plugins.find('arp-watch')?.managed;
    if (!plugin) throw new Error('no plugin');
    askRemove(app, plugin);
    const dialog = await screen.findByTestId('confirm');
    expect(dialog.textContent).toContain('Remove ARP watch from tern?');
    await fireEvent.click(screen.getByTestId('confirm-option'));
    await fireEvent.click(screen.getByTestId('confirm-yes'));
    await waitFor(() => expect(screen.queryByTestId('plugin-arp-watch')).toBeNull(), SOON);
    expect(orders).toEqual([{ order: 'remove', plugin: 'arp-watch', keep_state: true, force: false }]);
  });

  it('installs a file with its bytes shown, and an address only when it is one', async () => {
    const app = open('#/plugins');
    await screen.findByTestId('plugin-http-stats');
    await fireEvent.click(screen.getByTestId('install'));
    const dialog = await screen.findByTestId('install-dialog');
    await fireEvent.click(within(dialog).getByTestId('choose-url'));
    await fireEvent.click(within(dialog).getByTestId('install-go'));
    expect(within(dialog).getByText(/begins with https/)).toBeTruthy();
    expect(nameless()).toEqual([]);
    await fireEvent.click(within(dialog).getByTestId('choose-file'));
    await fireEvent.click(within(dialog).getByTestId('install-choose'));
    expect((await within(dialog).findByTestId('install-chosen')).textContent).toContain('net-flow-0.5.0.tar.zst');
    await fireEvent.click(within(dialog).getByTestId('install-go'));
    await waitFor(() => expect(screen.getByTestId('upload').textContent).toContain('Sending'), SOON);
    const row = await screen.findByTestId('operation-net-flow', {}, SOON);
    await waitFor(() => expect(row.textContent).toContain('Step 1 of 5'), SOON);
    await fireEvent.click(screen.getByTestId('operation-cancel-net-flow'));
    await waitFor(() => expect(screen.queryByTestId('operation-net-flow')).toBeNull(), SOON);
    await waitFor(() => expect(app.notice?.text).toContain('cancelled'), SOON);
  });

  it('shows what a plugin writes, from where it is wanted', async () => {
    open('#/plugins?plugin=http-stats&tab=log');
    await screen.findAllByTestId('log-line');
    const all = screen.getAllByTestId('log-line').length;
    await fireEvent.input(screen.getByTestId('log-search'), { target: { value: 'panicked' } });
    await waitFor(() => expect(screen.getAllByTestId('log-line').every((line) => line.querySelector('mark')?.textContent === 'panicked')).toBe(true));
    expect(all).toBeGreaterThan(0);
    expect(nameless()).toEqual([]);
  });

  it('checks a config before it goes, and puts the engine’s reasons beside the fields', async () => {
    open('#/plugins?plugin=http-stats&tab=config');
    const rate = await screen.findByTestId<HTMLInputElement>('input-sample_rate');
    expect(rate.value).toBe('10');
    const save = screen.getByTestId<HTMLButtonElement>('config-save');
    expect(save.disabled).toBe(true);
    await fireEvent.input(rate, { target: { value: '0' } });
    expect(screen.getByTestId('field-sample_rate').textContent).toContain('Between 1 and 1000.');
    await fireEvent.click(save);
    expect(screen.getByTestId('config-form').textContent).toContain('1 field to correct');
    await fireEvent.input(rate, { target: { value: '13' } });
    await fireEvent.click(save);
    expect((await screen.findByTestId('config-rejected', {}, SOON)).textContent).toContain('taken back');
    expect(screen.getByTestId('field-sample_rate').textContent).toContain('13 brings bad luck');
    expect(screen.getByTestId('field-ports').textContent).toContain('8443 is taken');
    expect(rate.value).toBe('13');
    expect(nameless()).toEqual([]);
  });

  it('shows revisions, health and why it last ended', async () => {
    const app = open('#/plugins?plugin=traffic-control&tab=revisions');
    expect((await screen.findByTestId('revision-pending')).textContent).toContain('traffic-ctl');
    app.router.go({ plugin: 'kubernetes', tab: 'health' });
    expect(await screen.findAllByTestId('health-check')).toHaveLength(20);
    expect(screen.getByTestId('health-strip').textContent).toContain('Degraded');
    app.router.go({ plugin: 'http-stats', tab: '' });
    expect((await screen.findByTestId('last-exit')).textContent).toContain('bpf_map_create: EPERM');
    expect(screen.getByTestId('limit-memory').textContent).toContain('cgroup v2');
    expect(nameless()).toEqual([]);
  });

  it('changes nothing for those who may only look', async () => {
    open('#/plugins?plugin=docker', { role: 'view' });
    await screen.findByTestId('plugin-docker');
    await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('order-stop').disabled).toBe(true));
    expect(screen.getByTestId<HTMLButtonElement>('install').disabled).toBe(true);
    expect(screen.getByTestId('plugin-detail').textContent).toContain('may look');
  });

  it('says what to do next where there is no plugin', async () => {
    open('#/plugins', { empty: true });
    expect((await screen.findByTestId('plugins-empty')).textContent).toContain('orrery plugin init');
    expect(screen.getByTestId('empty-install')).toBeTruthy();
  });

  it('folds what one plugin keeps saying', async () => {
    open('#/activity');
    const more = (await screen.findAllByTestId('event-more'))[0];
    if (!more) throw new Error('nothing is folded');
    expect(more.textContent).toMatch(/\d+ more since/);
    const before = screen.getAllByTestId('event').length;
    await fireEvent.click(more);
    await waitFor(() => expect(screen.getAllByTestId('event').length).toBeGreaterThan(before));
  });
});

describe('terminals in the window', () => {
  const CARD = '#/view/everything?mode=table&card=containers/tern%3Bshop-api-1%3B%3Ccontainer%3E';

  it('open with a control, outlive the page, and ask before what runs is closed', async () => {
    const app = open(CARD);
    const written: string[] = [];
    app.terminals.load = async () => (_host, _raw, _aloud, events) => {
      setTimeout(() => events.typed(new TextEncoder().encode('ls\r')), 100);
      return {
        write: (bytes) => written.push(new TextDecoder().decode(bytes)),
        say: (text) => written.push(text),
        fit() {},
        focus() {},
        retheme() {},
        setReadAloud() {},
        selection: () => '',
        text: () => '',
        dispose: () => written.push('gone'),
      };
    };
    await fireEvent.click(await screen.findByTestId('control-docker-tools~exec'));
    const tab = await screen.findByTestId('terminal-tab', {}, SOON);
    expect(tab.textContent).toContain('Exec shop-api-1');
    expect(screen.queryByTestId('control-result-docker-tools~exec')).toBeNull();
    await waitFor(() => expect(written.join('')).toContain('package.json'), SOON);
    app.router.go({ page: 'plugins' });
    await screen.findByTestId('plugins-page');
    expect(written).not.toContain('gone');
    expect(screen.getByTestId('terminal-tab')).toBeTruthy();
    await fireEvent.keyDown(window, { key: '`', code: 'Backquote', ctrlKey: true });
    expect(app.terminals.folded).toBe(true);
    await fireEvent.keyDown(window, { key: '`', code: 'Backquote', ctrlKey: true });
    expect(app.terminals.folded).toBe(false);
    expect(nameless()).toEqual([]);
    await fireEvent.click(screen.getByTestId('terminal-close'));
    expect((await screen.findByTestId('confirm')).textContent).toContain('Close Exec shop-api-1?');
    await fireEvent.click(screen.getByTestId('confirm-yes'));
    await waitFor(() => expect(screen.queryByTestId('terminal-dock')).toBeNull());
    expect(written).toContain('gone');
  });
});
