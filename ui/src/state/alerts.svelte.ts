import type { Backend, LineHandle } from '../backend/backend';
import type { Event } from '../generated/Event';
import type { Prefs } from './prefs.svelte';

/** Waits before events are followed again, in milliseconds; the last one repeats. */
const AGAIN_MS = [1_000, 5_000, 15_000];

/** Whether the browser shows notifications of this page: `none` where it has none, or the desktop shows them anyway. */
export type Permission = 'none' | 'ask' | 'granted' | 'denied';

/** Alerts of tasks as they happen: a word in the window, and a notification of the browser for who wants one. */
export class Alerts {
  permission = $state<Permission>('none');
  #backend: Backend;
  #prefs: Prefs;
  #heard: (event: Event) => void;
  /** Called when a person presses a notification. */
  #pressed: (event: Event) => void;
  #follow: LineHandle | null = null;
  #again: ReturnType<typeof setTimeout> | undefined;
  #broken = 0;
  #stopped = true;

  constructor(backend: Backend, prefs: Prefs, heard: (event: Event) => void, pressed: (event: Event) => void) {
    this.#backend = backend;
    this.#prefs = prefs;
    this.#heard = heard;
    this.#pressed = pressed;
    this.permission = permissionOf(backend);
  }

  /** Hears alerts until it is told to stop, also while nobody looks at the page. */
  start(): () => void {
    this.#stopped = false;
    this.#listen();
    return () => {
      this.#stopped = true;
      clearTimeout(this.#again);
      this.#follow?.close();
      this.#follow = null;
    };
  }

  /** True while alerts pop up as notifications. */
  get on(): boolean {
    return this.permission === 'granted' && this.#prefs.notify;
  }

  /** Turns notifications on or off; the first time the browser asks. To be called when a person presses something. */
  async toggle(): Promise<void> {
    if (this.permission === 'ask') {
      // Whoever says yes wants them; whoever says no is not asked again.
      this.#prefs.setNotify(true);
      await Notification.requestPermission();
      this.permission = permissionOf(this.#backend);
    } else if (this.permission === 'granted') {
      this.#prefs.setNotify(!this.#prefs.notify);
    }
  }

  #listen(): void {
    this.#follow = this.#backend.follow('/api/events', {
      line: (text) => this.#take(text),
      end: () => {
        this.#follow = null;
        if (this.#stopped) return;
        const wait = AGAIN_MS[Math.min(this.#broken, AGAIN_MS.length - 1)];
        this.#broken += 1;
        this.#again = setTimeout(() => this.#listen(), wait);
      },
    });
  }

  /** A line of the stream; those that hold no event are beats and names. */
  #take(text: string): void {
    if (!text.startsWith('data:')) return;
    let event: Event;
    try {
      event = JSON.parse(text.slice('data:'.length)) as Event;
    } catch {
      return;
    }
    this.#broken = 0;
    if (event.kind !== 'alert') return;
    this.#heard(event);
    if (this.on) this.#show(event);
  }

  #show(event: Event): void {
    try {
      // Pages that show the same alert share its tag, and the newer alert of one kind replaces the older.
      const shown = new Notification(event.label, { body: event.text, tag: `orrery ${event.label}` });
      shown.onclick = () => {
        window.focus();
        shown.close();
        this.#pressed(event);
      };
    } catch {
      // Some browsers have notifications for workers alone; the word in the window remains.
      this.permission = 'none';
    }
  }
}

/** Browsers show notifications to pages from this machine or behind a certificate; the window has the desktop's own. */
function permissionOf(backend: Backend): Permission {
  if (backend.kind === 'tauri' || typeof Notification === 'undefined' || !window.isSecureContext) return 'none';
  return Notification.permission === 'default' ? 'ask' : Notification.permission;
}
