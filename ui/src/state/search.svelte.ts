import type { Api } from '../backend/api';
import { toApiError } from '../backend/backend';
import type { SearchResult } from '../generated/SearchResult';
import { characterRange, combine } from './query';

const TYPING_MS = 120;
const AGAIN_MS = 3000;
/** Hits asked for, which are lit on the map; counts are whole. */
export const MAX_HITS = 5_000;
/** Answers with more hits than this are asked for more rarely. */
const MANY_HITS = 500;
const MANY_AGAIN_MS = 10_000;

/** Where the typed query does not parse. */
export interface QueryFault {
  message: string;
  /** Characters of the typed text; null when the fault is not in it. */
  range: [number, number] | null;
}

/** What the pinned and typed queries match, kept fresh while there are any. */
export class Search {
  result = $state.raw<SearchResult | null>(null);
  fault = $state.raw<QueryFault | null>(null);
  /** Ids that match; null when nothing is searched for. */
  matches = $state.raw<ReadonlySet<string> | null>(null);
  #api: Api;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #chips: string[] = [];
  #typed = '';
  #turn = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  set(chips: string[], typed: string): void {
    if (typed === this.#typed && chips.join('\n') === this.#chips.join('\n')) return;
    this.#chips = chips;
    this.#typed = typed;
    this.#turn += 1;
    clearTimeout(this.#timer);
    if (combine(chips, typed).query === '') {
      this.result = null;
      this.fault = null;
      this.matches = null;
      return;
    }
    this.#timer = setTimeout(() => void this.#ask(), TYPING_MS);
  }

  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    const turn = this.#turn;
    const { query, offset } = combine(this.#chips, this.#typed);
    try {
      const result = await this.#api.search(query, MAX_HITS);
      if (turn !== this.#turn) return;
      this.result = result;
      this.matches = new Set(result.hits.map((hit) => hit.id));
      this.fault = null;
    } catch (thrown) {
      if (turn !== this.#turn) return;
      const error = toApiError(thrown);
      const range = error.at ? characterRange(query, error.at, offset, this.#typed.trim().length) : null;
      this.fault = { message: error.message, range };
    }
    const isLong = (this.result?.hits.length ?? 0) > MANY_HITS;
    this.#timer = setTimeout(() => void this.#ask(), isLong ? MANY_AGAIN_MS : AGAIN_MS);
  }
}
