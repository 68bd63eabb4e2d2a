import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import { FakeBackend } from '../src/backend/fake/fake';
import { App } from '../src/state/app.svelte';

const CARD = '#/view/everything?mode=table&card=containers/tern%3Bshop-api-1%3B%3Ccontainer%3E';

beforeEach(() => {
  // jsdom has no canvas; what draws on one finds no context.
  HTMLCanvasElement.prototype.getContext = vi.fn(() => null) as unknown as HTMLCanvasElement['getContext'];
  localStorage.clear();
});

afterEach(() => {
  cleanup();
});

function open(hash: string, options: { empty?: boolean } = {}): App {
  window.history.replaceState(null, '', hash);
  const app = new App(new FakeBackend(options));
  render(Window, { app });
  return app;
}

/** Everything that can be pressed or typed into, and its name for a screen reader. */
function nameless(): string[] {
  return [...document.querySelectorAll<HTMLElement>('button, input, a[href], [role="button"]')]
    .filter((element) => {
      const label = element.getAttribute('aria-label') ?? element.getAttribute('title') ?? '';
      const own = element instanceof HTMLInputElement ? (element.labels?.[0]?.textContent ?? element.placeholder) : (element.textContent ?? '');
      return label.trim() === '' && own.trim() === '';
    })
    .map((element) => element.outerHTML.slice(0, 120));
}

describe('window', () => {
  it('has landmarks, and a name on everything that can be pressed', async () => {
    open(CARD);
    await screen.findByTestId('card-title');
    await screen.findAllByTestId('node-row');
    expect(screen.getByRole('banner')).toBeTruthy();
    expect(screen.getByRole('main')).toBeTruthy();
    expect(screen.getByRole('navigation', { name: 'Views' })).toBeTruthy();
    expect(screen.getByRole('complementary', { name: 'Details of shop-api-1' })).toBeTruthy();
    expect(screen.getByRole('contentinfo')).toBeTruthy();
    expect(screen.getByRole('grid')).toBeTruthy();
    expect(nameless()).toEqual([]);
  });

  it('shows a card with facts, connections and children, and goes to a neighbour and back', async () => {
    const app = open(CARD);
    const card = await screen.findByTestId('card');
    expect((await within(card).findByTestId('card-title')).textContent).toBe('shop-api-1');
    expect(within(card).getByTestId('fact-docker_container_ips').textContent).toContain('172.20.0.5');
    await fireEvent.click(within(card).getByRole('button', { name: /prometheus/ }));
    await waitFor(() => expect(screen.getByTestId('card-title').textContent).toBe('prometheus'));
    expect(app.place.cards).toHaveLength(2);
    await fireEvent.click(screen.getByTestId('card-back'));
    await waitFor(() => expect(screen.getByTestId('card-title').textContent).toBe('shop-api-1'));
  });

  it('asks before a destructive control, naming node and host, and keeps the result until read', async () => {
    open(CARD);
    await fireEvent.click(await screen.findByTestId('control-docker-tools~stop'));
    const dialog = await screen.findByTestId('confirm');
    expect(dialog.getAttribute('role')).toBe('alertdialog');
    expect(dialog.textContent).toContain('Stop shop-api-1 on tern?');
    await fireEvent.click(screen.getByTestId('confirm-yes'));
    const result = await screen.findByTestId('control-result-docker-tools~stop', {}, { timeout: 3000 });
    expect(result.textContent).toContain('Done in 12 ms.');
    await fireEvent.click(screen.getByTestId('control-result-docker-tools~stop-dismiss'));
    expect(screen.queryByTestId('control-result-docker-tools~stop')).toBeNull();
  });

  it('does nothing when the question is answered with no', async () => {
    open(CARD);
    await fireEvent.click(await screen.findByTestId('control-docker-tools~stop'));
    await fireEvent.click(await screen.findByTestId('confirm-no'));
    await waitFor(() => expect(screen.queryByTestId('confirm')).toBeNull());
    expect(screen.getByTestId('control-docker-tools~stop').getAttribute('aria-busy')).toBe('false');
  });

  it('shows why a control failed', async () => {
    open(CARD);
    await fireEvent.click(await screen.findByTestId('control-docker-tools~shell'));
    const result = await screen.findByRole('alert', {}, { timeout: 3000 });
    expect(result.textContent).toContain('no shell in this image');
  });

  it('pins a typed query with Enter, and shows where a wrong one is wrong', async () => {
    const app = open('#/view/everything?mode=table');
    const input = await screen.findByTestId<HTMLInputElement>('search-input');
    await fireEvent.focus(input);
    await fireEvent.input(input, { target: { value: 'shop (' } });
    const fault = await screen.findByTestId('query-fault');
    expect(fault.querySelector('mark')?.textContent).toBe('(');
    await fireEvent.keyDown(input, { key: 'Enter' });
    expect(app.place.chips).toEqual([]);
    await fireEvent.input(input, { target: { value: 'shop-api' } });
    await waitFor(() => expect(screen.queryByTestId('query-fault')).toBeNull());
    await waitFor(() => expect(screen.getAllByTestId('node-row')).toHaveLength(2));
    await fireEvent.keyDown(input, { key: 'Enter' });
    expect(app.place.chips).toEqual(['shop-api']);
    expect(window.location.hash).toContain('q=shop-api');
    await fireEvent.keyDown(input, { key: 'Backspace' });
    expect(app.place.chips).toEqual([]);
  });

  it('says what was tried when there is nothing to show', async () => {
    open('#/view/everything', { empty: true });
    expect((await screen.findByTestId('empty-state')).textContent).toContain('What was tried');
    expect(screen.getByTestId('tried-probe:process').textContent).toContain('sudo orrery serve');
  });

  it('says of an empty view of containers that no engine was found, not that filters hide them', async () => {
    open('#/view/containers', { empty: true });
    const state = await screen.findByTestId('empty-state');
    await waitFor(() => expect(state.textContent).toContain('No container engine was found'));
    expect(screen.getByTestId('tried-probe:docker')).toBeTruthy();
    expect(screen.queryByTestId('tried-probe:kubernetes')).toBeNull();
  });

  it('offers no second try for a moment that is not recorded', async () => {
    const app = open('#/view/nowhere?at=1000');
    const failed = await screen.findByTestId('view-failed');
    await waitFor(() => expect(failed.textContent).toContain('The record begins at'));
    expect(failed.textContent).not.toContain('Try again');
    await fireEvent.click(screen.getByRole('button', { name: 'Go to where it begins' }));
    expect(app.place.at).toBe(app.live.status?.history_from_ms ?? 0);
  });

  it('says that a token in the address is wrong', async () => {
    window.history.replaceState(null, '', '?token=nonsense');
    const app = new App(new FakeBackend());
    app.unauthorized = true;
    render(Window, { app });
    expect(screen.getByTestId('token-page').textContent).toContain('This token is wrong');
    window.history.replaceState(null, '', window.location.pathname);
  });

  it('sends a pasted token in a header, never in the address', async () => {
    const asked = vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response(null, { status: 401 }));
    const app = new App(new FakeBackend());
    app.unauthorized = true;
    render(Window, { app });
    await fireEvent.input(screen.getByTestId('token'), { target: { value: 'pasted' } });
    await fireEvent.click(screen.getByTestId('token-enter'));
    await waitFor(() => expect(screen.getByTestId('token-page').textContent).toContain('This token is wrong'));
    const [url, options] = asked.mock.calls[0] ?? [];
    expect(String(url)).toMatch(/api\/session$/);
    expect(options?.headers).toEqual({ Authorization: 'Bearer pasted' });
    expect(window.location.href).not.toContain('pasted');
    asked.mockRestore();
  });

  it('offers the table where the browser cannot draw the map', async () => {
    const app = open('#/view/everything');
    await fireEvent.click(await screen.findByRole('button', { name: 'Show the table' }));
    expect(app.place.mode).toBe('table');
    await screen.findAllByTestId('node-row');
  });

  it('shows the past with controls off, and comes back', async () => {
    const app = open(`${CARD}&at=${Date.now() - 600_000}`);
    expect((await screen.findByTestId('moment-bar')).textContent).toContain('Controls are off');
    await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('control-docker-tools~restart').disabled).toBe(true));
    await fireEvent.click(screen.getByTestId('moment-live'));
    expect(app.place.at).toBeNull();
    await waitFor(() => expect(screen.queryByTestId('moment-bar')).toBeNull());
  });

  it('obeys the keys', async () => {
    const app = open('#/view/everything?mode=table');
    await screen.findAllByTestId('node-row');
    await fireEvent.keyDown(window, { key: ' ' });
    expect(app.view.paused).toBe(true);
    await fireEvent.keyDown(window, { key: 'l' });
    expect(app.view.paused).toBe(false);
    await fireEvent.keyDown(window, { key: '?' });
    expect(await screen.findByTestId('help-sheet')).toBeTruthy();
    app.helpOpen = false;
    await fireEvent.keyDown(window, { key: 'k', ctrlKey: true });
    const input = await screen.findByTestId('palette-input');
    await fireEvent.input(input, { target: { value: '>open plugins' } });
    await fireEvent.keyDown(input, { key: 'Enter' });
    await waitFor(() => expect(app.place.page).toBe('plugins'));
  });
});
