import type { Api } from '../backend/api';
import type { Backend, PipeEnd, PipeHandle } from '../backend/backend';
import type { createScreen } from '../parts/terminal/screen';

/** Bytes kept for a terminal that is not drawn yet. */
const BACKLOG_BYTES = 256 * 1024;
/** Quiet time after a change of size before the far end is told, in milliseconds. */
const RESIZE_MS = 150;
/** Terminals at a time; each holds its scrollback. */
export const MAX_TERMINALS = 12;
const STORE = 'orrery.terminals';
/** Height of the dock at first: this share of the window, and within these, in CSS px. */
const SHARE = 0.28;
const FIRST_HEIGHT = 280;
export const LEAST_HEIGHT = 120;
export const MOST_HEIGHT = 1200;

/** A pipe that a control opened, with what is needed to hold it again after a reload. */
export interface TerminalPlace {
  pipe: string;
  /** `Shell shop-api-1` */
  title: string;
  node: string;
  topology: string;
  /** True when the far end is a terminal that wants every key as it is. */
  raw: boolean;
  /** Control of the node that resizes it; null when there is none. */
  resize: string | null;
}

export type TerminalState = 'connecting' | 'open' | 'reconnecting' | 'ended';

/** One terminal: the pipe and what came out of it before anybody drew it. */
export class TerminalSession {
  state = $state<TerminalState>('connecting');
  /** How it ended; null while it has not. */
  end = $state.raw<PipeEnd | null>(null);
  /** Why it ended, as a sentence. */
  text = $state('');
  /** Something came while another tab was in front. */
  unread = $state(false);
  #api: Api;
  #backend: Backend;
  #pipe: PipeHandle | null = null;
  #sink: ((bytes: Uint8Array) => void) | null = null;
  #backlog: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #size = '';
  /** Set by whoever draws it; what is shown as text. */
  readText: () => string = () => '';

  constructor(
    readonly key: number,
    readonly place: TerminalPlace,
    api: Api,
    backend: Backend,
  ) {
    this.#api = api;
    this.#backend = backend;
    this.connect();
  }

  /** Takes hold of the pipe, at first and again after another window took it. */
  connect(): void {
    this.state = 'connecting';
    this.end = null;
    this.text = '';
    this.#pipe = this.#backend.openPipe(this.place.pipe, {
      bytes: (bytes) => this.#take(bytes),
      link: (link) => {
        this.state = link === 'open' ? 'open' : 'reconnecting';
        // The far end may have been another size meanwhile.
        if (link === 'open') this.#tellSize();
      },
      end: (end, text) => {
        this.state = 'ended';
        this.end = end;
        this.text = text;
      },
    });
  }

  /** Draws what came so far and all that comes. Returns how to stop. */
  attach(sink: (bytes: Uint8Array) => void): () => void {
    for (const bytes of this.#backlog.splice(0)) sink(bytes);
    this.#sink = sink;
    return () => {
      if (this.#sink === sink) this.#sink = null;
    };
  }

  send(bytes: Uint8Array): void {
    if (this.state !== 'ended') this.#pipe?.send(bytes);
  }

  /** Tells the far end its size once the dragging is over. */
  resize(columns: number, rows: number): void {
    this.#size = `${columns} ${rows}`;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tellSize(), RESIZE_MS);
  }

  /** Closes the pipe for good. */
  close(): void {
    clearTimeout(this.#timer);
    this.#pipe?.close();
  }

  detach(): void {
    clearTimeout(this.#timer);
    this.#pipe?.detach();
  }

  #tellSize(): void {
    const { node, resize, pipe } = this.place;
    const [columns = 0, rows = 0] = this.#size.split(' ').map(Number);
    if (resize === null || columns < 1 || rows < 1 || this.state !== 'open') return;
    // A far end that refuses keeps its size; the text wraps then where it likes.
    this.#api.resizeTerminal(node, resize, pipe, columns, rows).catch(() => {});
  }

  #take(bytes: Uint8Array): void {
    if (this.state !== 'ended') this.state = 'open';
    if (this.#sink) {
      this.#sink(bytes);
      return;
    }
    this.#backlog.push(bytes);
    let held = this.#backlog.reduce((sum, part) => sum + part.length, 0);
    while (held > BACKLOG_BYTES && this.#backlog.length > 1) held -= this.#backlog.shift()?.length ?? 0;
  }
}

/** All terminals of the window; they outlive the page that opened them. */
export class Terminals {
  /** Loads what draws terminals; tests put their own here. */
  load: () => Promise<typeof createScreen> = async () => {
    // Cells are measured once: by the face they are drawn in, not by the one that stands in for it.
    const [screen] = await Promise.all([import('../parts/terminal/screen'), document.fonts?.load('12px "JetBrains Mono Variable"')]);
    return screen.createScreen;
  };
  sessions = $state.raw<TerminalSession[]>([]);
  active = $state<number | null>(null);
  folded = $state(false);
  height = $state(Math.round(Math.min(FIRST_HEIGHT, Math.max(LEAST_HEIGHT, window.innerHeight * SHARE))));
  #api: Api;
  #backend: Backend;
  #next = 1;

  constructor(api: Api, backend: Backend) {
    this.#api = api;
    this.#backend = backend;
  }

  get shown(): TerminalSession | null {
    return this.sessions.find((session) => session.key === this.active) ?? null;
  }

  /** Shows a pipe, anew or again. Null when there is no room for one more. */
  open(place: TerminalPlace): TerminalSession | null {
    const known = this.sessions.find((session) => session.place.pipe === place.pipe);
    if (known) {
      this.show(known.key);
      return known;
    }
    if (this.sessions.length >= MAX_TERMINALS) return null;
    const session = new TerminalSession(this.#next++, place, this.#api, this.#backend);
    this.sessions = [...this.sessions, session];
    this.show(session.key);
    this.#save();
    return session;
  }

  show(key: number): void {
    this.active = key;
    this.folded = false;
    const session = this.shown;
    if (session) session.unread = false;
  }

  step(by: -1 | 1): void {
    const at = this.sessions.findIndex((session) => session.key === this.active);
    const next = this.sessions[(at + by + this.sessions.length) % this.sessions.length];
    if (next) this.show(next.key);
  }

  close(key: number): void {
    const at = this.sessions.findIndex((session) => session.key === key);
    this.sessions[at]?.close();
    this.sessions = this.sessions.filter((session) => session.key !== key);
    if (this.active === key) this.active = (this.sessions[at] ?? this.sessions.at(-1))?.key ?? null;
    this.#save();
  }

  resizeDock(height: number): void {
    this.height = Math.round(Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, height)));
  }

  /** Takes up the terminals that were open before a reload; returns how to let go of all. */
  start(): () => void {
    for (const place of load()) this.open(place);
    return () => {
      for (const session of this.sessions) session.detach();
    };
  }

  #save(): void {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.sessions.map((session) => session.place)));
    } catch {
      // Without the store a reload lets go of the terminals; the engine closes them after a while.
    }
  }
}

function load(): TerminalPlace[] {
  try {
    const list: unknown = JSON.parse(sessionStorage.getItem(STORE) ?? '[]');
    return Array.isArray(list) ? list.filter(isPlace).slice(0, MAX_TERMINALS) : [];
  } catch {
    return [];
  }
}

function isPlace(value: unknown): value is TerminalPlace {
  if (typeof value !== 'object' || value === null) return false;
  const { pipe, title, node, raw } = value as Partial<TerminalPlace>;
  return typeof pipe === 'string' && pipe !== '' && typeof title === 'string' && typeof node === 'string' && typeof raw === 'boolean';
}
