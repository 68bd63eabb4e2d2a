import { describe, expect, it } from 'vitest';

import { characterRange, combine, quoted } from '../src/state/query';

describe('queries', () => {
  it('join pinned and typed ones and know where the typed one begins', () => {
    const cases: [string[], string, string][] = [
      [[], ' nginx ', 'nginx'],
      [['a or b'], '', 'a or b'],
      [['a or b'], 'c', '(a or b) and (c)'],
      [['a', 'b'], '', '(a) and (b)'],
      [['a', 'b'], 'c', '(a) and (b) and (c)'],
      [[], '', ''],
    ];
    for (const [chips, typed, wanted] of cases) {
      const { query, offset } = combine(chips, typed);
      expect(query).toBe(wanted);
      if (typed.trim() !== '') expect(query.slice(offset).startsWith(typed.trim())).toBe(true);
    }
  });

  it('turn a byte range into characters of the typed text', () => {
    expect(characterRange('né (x', [4, 5], 0, 5)).toEqual([3, 4]);
    const { query, offset } = combine(['é'], '(x');
    expect(query.slice(offset)).toBe('(x)');
    const bytes = new TextEncoder().encode(query.slice(0, offset)).length;
    expect(characterRange(query, [bytes, bytes + 1], offset, 2)).toEqual([0, 1]);
    expect(characterRange('abc', [90, 99], 0, 3)).toEqual([3, 3]);
  });

  it('quote what is more than a word', () => {
    expect(quoted('tern')).toBe('tern');
    expect(quoted('two words "x"')).toBe('"two words \\"x\\""');
  });
});
