import type { Api } from '../backend/api';
import { toApiError } from '../backend/backend';
import type { LogLine } from '../generated/LogLine';
import { Poll } from './poll';

const EVERY_MS = 700;
/** Lines asked for at a time. */
const PAGE = 2000;
/** Lines kept; the oldest leave first. */
export const MAX_LINES = 10_000;

/** Least level that a filter lets through, by level. */
export const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type Level = (typeof LEVELS)[number];

/** What a plugin wrote, followed. */
export class LogTail {
  lines = $state.raw<LogLine[]>([]);
  /** Lines that the engine dropped because too many came. */
  dropped = $state(0);
  /** Lines that arrived while it stood still. */
  waiting = $state(0);
  paused = $state(false);
  known = $state(false);
  error = $state('');
  #api: Api;
  #plugin: string;
  #next = 0;
  #held: LogLine[] = [];
  #poll: Poll;

  constructor(api: Api, plugin: string) {
    this.#api = api;
    this.#plugin = plugin;
    this.#poll = new Poll(() => this.#ask(), EVERY_MS);
  }

  start(): () => void {
    this.#poll.start();
    return () => this.#poll.stop();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#show(this.#held);
    this.#held = [];
    this.waiting = 0;
  }

  clear(): void {
    this.lines = [];
  }

  async #ask(): Promise<void> {
    try {
      const page = await this.#api.pluginLogs(this.#plugin, this.#next, PAGE);
      this.error = '';
      this.known = true;
      this.dropped = page.dropped;
      // An engine that began anew counts from one again.
      if (page.next < this.#next) {
        this.#next = 0;
        return;
      }
      this.#next = page.next;
      if (page.lines.length === 0) return;
      if (this.paused) {
        this.#held = [...this.#held, ...page.lines].slice(-MAX_LINES);
        this.waiting += page.lines.length;
      } else this.#show(page.lines);
    } catch (thrown) {
      this.error = toApiError(thrown).message;
    }
  }

  #show(lines: readonly LogLine[]): void {
    if (lines.length > 0) this.lines = [...this.lines, ...lines].slice(-MAX_LINES);
  }
}

/** Lines of a level or worse that hold the words. A level that is none counts as `info`. */
export function fittingLines(lines: readonly LogLine[], least: Level, words: string): LogLine[] {
  const wanted = words.trim().toLowerCase();
  const limit = LEVELS.indexOf(least);
  if (wanted === '' && limit === LEVELS.length - 1) return [...lines];
  return lines.filter((line) => levelRank(line.level) <= limit && (wanted === '' || line.text.toLowerCase().includes(wanted)));
}

function levelRank(level: string): number {
  const at = LEVELS.indexOf(level as Level);
  return at < 0 ? LEVELS.indexOf('info') : at;
}
