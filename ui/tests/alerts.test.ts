import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import Window from '../src/App.svelte';
import type { LineEvents } from '../src/backend/backend';
import { FakeBackend } from '../src/backend/fake/fake';
import { App } from '../src/state/app.svelte';

/** Notifications as a browser has them, written down instead of shown. */
class Shown {
  static permission: NotificationPermission = 'default';
  static asked = 0;
  static all: Shown[] = [];
  onclick: (() => void) | null = null;
  constructor(
    readonly title: string,
    readonly options: NotificationOptions,
  ) {
    Shown.all.push(this);
  }
  static async requestPermission(): Promise<NotificationPermission> {
    Shown.asked += 1;
    return (Shown.permission = 'granted');
  }
  close(): void {}
}

/** An instance whose events the test tells. */
class Telling extends FakeBackend {
  followers: LineEvents[] = [];
  override follow(path: string, events: LineEvents) {
    if (path !== '/api/events') return super.follow(path, events);
    this.followers.push(events);
    return { close: () => {} };
  }
  tell(text: string, kind = 'alert'): void {
    for (const { line } of this.followers) {
      line('event: event');
      line(`data: ${JSON.stringify({ id: 1, at_ms: Date.now(), kind, subject: 'alert', label: 'CPU of shop-api', text, user: '' })}`);
    }
  }
}

let backend: Telling;

beforeEach(() => {
  HTMLCanvasElement.prototype.getContext = vi.fn(() => null) as unknown as HTMLCanvasElement['getContext'];
  localStorage.clear();
  Object.assign(Shown, { permission: 'default', asked: 0, all: [] });
  vi.stubGlobal('Notification', Shown);
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('focus', () => {});
  backend = new Telling();
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function open(hash = '#/activity'): App {
  window.history.replaceState(null, '', hash);
  const app = new App(backend);
  render(Window, { app });
  return app;
}

it('tells an alert in the window, once for all of its kind, until it is read', async () => {
  const app = open();
  await waitFor(() => expect(backend.followers).toHaveLength(1));
  backend.tell('is 91, above 90');
  backend.tell('is 95, above 90');
  backend.tell('nothing to tell', 'started');
  const notices = await screen.findAllByTestId('notice');
  expect(notices).toHaveLength(1);
  expect(notices[0]?.textContent).toContain('CPU of shop-api: is 95, above 90');
  expect(notices[0]?.textContent).toContain('the last of 2');
  await fireEvent.click(screen.getByRole('button', { name: 'Open Activity' }));
  expect(app.place.page).toBe('activity');
  await waitFor(() => expect(screen.queryByTestId('notice')).toBeNull());
});

it('asks for notifications when the button is pressed and never before, and shows them from then on', async () => {
  open();
  const button = await screen.findByTestId('notify');
  backend.tell('is 91, above 90');
  expect(Shown.asked).toBe(0);
  expect(Shown.all).toHaveLength(0);
  await fireEvent.click(button);
  await waitFor(() => expect(button.getAttribute('aria-pressed')).toBe('true'));
  expect(Shown.asked).toBe(1);
  backend.tell('is 92, above 90');
  expect(Shown.all.map(({ title, options }) => [title, options.body])).toEqual([['CPU of shop-api', 'is 92, above 90']]);
  await fireEvent.click(button);
  backend.tell('is 93, above 90');
  expect(Shown.all).toHaveLength(1);
});

it('leads from a notification to what happened', async () => {
  Shown.permission = 'granted';
  localStorage.setItem('orrery.notify', 'true');
  const app = open('#/view/everything');
  await waitFor(() => expect(backend.followers).toHaveLength(1));
  backend.tell('is 91, above 90');
  Shown.all[0]?.onclick?.();
  expect(app.place.page).toBe('activity');
});

it('follows again when the stream ends', async () => {
  open();
  await waitFor(() => expect(backend.followers).toHaveLength(1));
  backend.followers[0]?.end(null);
  await waitFor(() => expect(backend.followers).toHaveLength(2));
});

it('says that the browser blocks notifications, and offers none where there are none', async () => {
  Shown.permission = 'denied';
  open();
  expect((await screen.findByTestId('notify')).hasAttribute('disabled')).toBe(true);
  cleanup();
  vi.stubGlobal('isSecureContext', false);
  open();
  await screen.findByTestId('activity-page');
  expect(screen.queryByTestId('notify')).toBeNull();
});
