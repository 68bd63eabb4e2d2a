import { type Backend, toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import { Poll } from './poll';

/** Entries asked for at a time. */
export const AUDIT_PAGE = 200;
const EVERY_MS = 3000;

/** One thing that somebody did, or wanted to do. */
export interface AuditEntry {
  /** Grows by one with each entry. */
  id: number;
  /** When it ended, in milliseconds since the epoch. */
  at_ms: number;
  user: string;
  role: 'view' | 'control' | 'admin';
  origin: 'window' | 'http' | 'socket' | 'internal';
  /** An address or a process. */
  from?: string;
  what: string;
  subject: string;
  detail?: string;
  result: 'done' | 'accepted' | 'forbidden' | 'failed';
  /** Why not, in words. */
  message?: string;
  operation?: string;
  took_ms: number;
}

/** Who did what: the audit log, newest first, read page by page towards the past. */
export class AuditLog {
  /** Newest first; null until the first page is here. */
  entries = $state.raw<AuditEntry[] | null>(null);
  failure = $state.raw<ApiError | null>(null);
  /** True while an older page is on its way. */
  reading = $state(false);
  /** True once nothing older is kept. */
  whole = $state(false);
  #backend: Backend;
  #poll: Poll;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#poll = new Poll(() => this.#ask(), EVERY_MS);
  }

  start(): () => void {
    this.#poll.start();
    return () => this.#poll.stop();
  }

  /** Reads the page before the oldest entry that is here. */
  async older(): Promise<void> {
    const oldest = this.entries?.at(-1)?.id;
    if (oldest === undefined || this.whole || this.reading) return;
    this.reading = true;
    try {
      // Numbers have no gaps: the page before is the one that ends right before.
      const after = Math.max(0, oldest - 1 - AUDIT_PAGE);
      const page = (await this.#page(after, oldest - 1 - after)).filter((entry) => entry.id < oldest);
      this.entries = [...(this.entries ?? []), ...page.toReversed()];
      this.whole = page.length === 0 || page[0]?.id !== after + 1 || after === 0;
    } catch (thrown) {
      this.failure = toApiError(thrown);
    } finally {
      this.reading = false;
    }
  }

  async #ask(): Promise<void> {
    try {
      const newest = this.entries?.[0]?.id;
      const page = await this.#page(newest ?? null, AUDIT_PAGE);
      if (newest === undefined) this.whole = page.length < AUDIT_PAGE || page[0]?.id === 1;
      if (this.entries === null || page.length > 0) this.entries = [...page.toReversed(), ...(this.entries ?? [])];
      this.failure = null;
    } catch (thrown) {
      this.failure = toApiError(thrown);
    }
  }

  #page(after: number | null, limit: number): Promise<AuditEntry[]> {
    const query = new URLSearchParams({ limit: String(limit), ...(after === null ? {} : { after: String(after) }) });
    return this.#backend.send<AuditEntry[]>({ method: 'GET', path: `/api/audit?${query}` });
  }
}
