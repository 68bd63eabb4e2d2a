import { afterEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../src/backend/api';
import { FakeBackend } from '../src/backend/fake/fake';
import type { Event } from '../src/generated/Event';
import type { LogLine } from '../src/generated/LogLine';
import type { LogPage } from '../src/generated/LogPage';
import { folded } from '../src/state/fold';
import { fittingLines, LogTail, MAX_LINES } from '../src/state/log-tail.svelte';

function line(seq: number, level = 'info', text = `line ${seq}`): LogLine {
  return { seq, at_ms: seq, stream: 'stderr', level, text };
}

/** A tail on an engine whose pages are given one by one. */
function tailOf(pages: LogPage[]): { tail: LogTail; asked: number[] } {
  const api = new Api(new FakeBackend());
  const asked: number[] = [];
  api.pluginLogs = async (_plugin, after) => {
    asked.push(after);
    return pages.shift() ?? { lines: [], next: after, dropped: 0 };
  };
  return { tail: new LogTail(api, 'a'), asked };
}

afterEach(() => vi.useRealTimers());

describe('log', () => {
  it('goes on where it was, holds back while it stands still, and is bounded', async () => {
    vi.useFakeTimers();
    const flood = Array.from({ length: MAX_LINES + 10 }, (_, at) => line(at + 5));
    const { tail, asked } = tailOf([
      { lines: [line(1), line(2)], next: 2, dropped: 0 },
      { lines: [line(3)], next: 3, dropped: 0 },
      { lines: [line(4)], next: 4, dropped: 7 },
      { lines: flood, next: MAX_LINES + 14, dropped: 7 },
    ]);
    const stop = tail.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(tail.lines.map(({ seq }) => seq)).toEqual([1, 2]);
    tail.pause();
    await vi.advanceTimersByTimeAsync(1500);
    expect([tail.lines.length, tail.waiting, tail.dropped]).toEqual([2, 2, 7]);
    tail.resume();
    expect(tail.lines.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(tail.waiting).toBe(0);
    await vi.advanceTimersByTimeAsync(800);
    expect([tail.lines.length, tail.lines[0]?.seq]).toEqual([MAX_LINES, 15]);
    expect(asked.slice(0, 4)).toEqual([0, 2, 3, 4]);
    stop();
  });

  it('begins again with an engine that counts anew', async () => {
    vi.useFakeTimers();
    const { tail, asked } = tailOf([
      { lines: [line(90)], next: 90, dropped: 0 },
      { lines: [], next: 3, dropped: 0 },
      { lines: [line(1, 'info', 'anew')], next: 1, dropped: 0 },
    ]);
    const stop = tail.start();
    await vi.advanceTimersByTimeAsync(2500);
    stop();
    expect(asked.slice(0, 3)).toEqual([0, 90, 0]);
    expect(tail.lines.map(({ text }) => text)).toEqual(['line 90', 'anew']);
  });

  it('is filtered by level and words', () => {
    const lines = [line(1, 'error', 'Broken'), line(2, 'warn', 'broken too'), line(3, 'info'), line(4, 'debug'), line(5, 'odd')];
    const seqs = (least: Parameters<typeof fittingLines>[1], words = '') => fittingLines(lines, least, words).map(({ seq }) => seq);
    expect(seqs('trace')).toEqual([1, 2, 3, 4, 5]);
    expect(seqs('info')).toEqual([1, 2, 3, 5]);
    expect(seqs('error')).toEqual([1]);
    expect(seqs('warn', ' BROKEN ')).toEqual([1, 2]);
    expect(seqs('trace', '.*')).toEqual([]);
  });
});

describe('folding', () => {
  const MINUTE = 60_000;
  const event = (id: number, subject: string, kind = 'failed', minute = id, user = ''): Event => ({ id, at_ms: minute * MINUTE, kind, subject, label: subject, text: '', user });

  it('tells once what one subject keeps saying', () => {
    const folds = folded([event(6, 'a'), event(5, 'b'), event(4, 'a'), event(3, 'a'), event(2, 'b'), event(1, 'a', 'control')]);
    expect(folds.map((fold) => [fold.event.id, fold.older.map(({ id }) => id)])).toEqual([
      [6, [4, 3]],
      [5, []],
      [2, []],
      [1, []],
    ]);
  });

  it('tells a crash loop as one story, by what matters of its last moment', () => {
    const at = (id: number, kind: string, ms: number): Event => ({ ...event(id, 'plugin:a', kind), at_ms: ms });
    const story = [at(6, 'failed', 10_500), at(5, 'crash_loop', 10_000), at(4, 'exited', 10_000), at(3, 'running', 7000), at(2, 'backoff', 1000), at(1, 'exited', 1000)];
    expect(folded(story).map((fold) => [fold.event.kind, fold.older.length])).toEqual([['crash_loop', 5]]);
    // What runs again is told as that.
    expect(folded([at(7, 'recovered', 11_000), ...story])[0]?.event.kind).toBe('recovered');
    expect(folded([at(7, 'health_changed', 11_000), ...story])).toHaveLength(2);
  });

  it('never folds what people did, nor over more than an hour', () => {
    expect(folded([3, 2, 1].map((id) => event(id, 'a', 'control', id, 'ada')))).toHaveLength(3);
    const long = folded([event(9, 'a', 'failed', 150), event(8, 'a', 'failed', 149), event(7, 'a', 'failed', 148), event(6, 'a', 'failed', 10)]);
    expect(long.map((fold) => fold.older.length)).toEqual([2, 0]);
  });
});
