import { describe, expect, it } from 'vitest';

import type { PolicyRule } from '../src/generated/PolicyRule';
import { boundsText, configOf, differsFromDefault, draftOf, durationSeconds, errorsOf, fieldLabel, otherKeys, readField, reasonByKey } from '../src/state/config-form';

function rule(key: string, type: PolicyRule['type'], rest: Partial<PolicyRule> = {}): PolicyRule {
  return { key, prefix: '/x', type, description: '', required: false, default: null, min: null, max: null, values: [], ...rest };
}

describe('config form', () => {
  it('reads every type, and says what is wrong with the rest', () => {
    const integer = rule('n', 'integer', { min: 1, max: 1000 });
    const span = rule('d', 'duration', { min: 1, max: 90 });
    const word = rule('w', 'enum', { values: ['a', 'b'] });
    const cases: [PolicyRule, string, unknown][] = [
      [integer, '10', 10],
      [integer, ' 10 ', 10],
      [integer, '0', 'error'],
      [integer, '1001', 'error'],
      [integer, '1.5', 'error'],
      [integer, 'ten', 'error'],
      [integer, '99999999999999999999', 'error'],
      [rule('f', 'float', { min: 0 }), '1.5', 1.5],
      [rule('f', 'float', { min: 0 }), '-0.1', 'error'],
      [rule('f', 'float'), 'NaN', 'error'],
      [rule('b', 'bool'), 'true', true],
      [rule('b', 'bool'), 'false', false],
      [rule('b', 'bool'), 'yes', 'error'],
      [span, '1m30s', '1m30s'],
      [span, '2m', 'error'],
      [span, '500ms', 'error'],
      [span, '10', 'error'],
      [word, 'b', 'b'],
      [word, 'c', 'error'],
      [rule('s', 'secret'), 'env:DB_PASSWORD', 'env:DB_PASSWORD'],
      [rule('s', 'secret'), 'file:/run/secrets/db', 'file:/run/secrets/db'],
      [rule('s', 'secret'), 'file:run/secrets/db', 'error'],
      [rule('s', 'secret'), 'my password!', 'error'],
      [rule('s', 'string', { min: 2, max: 4 }), 'abcde', 'error'],
      [rule('s', 'string', { min: 2, max: 4 }), 'åäö', 'åäö'],
      [rule('t', 'string'), '  kept as typed ', '  kept as typed '],
    ];
    for (const [of, typed, wanted] of cases) {
      const got = readField(of, typed);
      if (wanted === 'error') expect(got && 'error' in got, `${of.type} ${typed}`).toBe(true);
      else expect(got, `${of.type} ${typed}`).toEqual({ value: wanted });
    }
  });

  it('wants a value only where there is no default', () => {
    expect(readField(rule('a', 'string', { required: true }), '')).toEqual({ error: 'A value is needed.' });
    expect(readField(rule('a', 'string', { required: true, default: 'x' }), '')).toBeNull();
    expect(readField(rule('a', 'string'), '')).toBeNull();
  });

  it('gives all errors at once', () => {
    const rules = [rule('a', 'integer'), rule('b', 'bool'), rule('c', 'string', { required: true })];
    expect(Object.keys(errorsOf(rules, { a: 'x', b: 'x', c: '' }))).toEqual(['a', 'b', 'c']);
  });

  it('leaves what has no field as it is, and what is empty out', () => {
    const rules = [rule('rate', 'integer', { default: 10 }), rule('token', 'secret'), rule('on', 'bool')];
    const held = { rate: 5, token: 'env:T', extra: { deep: [1] } };
    const draft = draftOf(rules, held);
    expect(draft).toEqual({ rate: '5', token: 'env:T', on: '' });
    expect(configOf(rules, draft, held)).toEqual(held);
    expect(configOf(rules, { rate: '', token: 'env:U', on: 'false' }, held)).toEqual({ token: 'env:U', on: false, extra: { deep: [1] } });
    expect(otherKeys(rules, held)).toEqual({ extra: { deep: [1] } });
    expect(draftOf(rules, null)).toEqual({ rate: '', token: '', on: '' });
    expect(draftOf(rules, 'text')).toEqual({ rate: '', token: '', on: '' });
  });

  it('knows durations, bounds and what differs', () => {
    const durations: [string, number | null][] = [['10s', 10], ['1m30s', 90], ['500ms', 0.5], ['2h', 7200], ['1d', 86_400], ['', null], ['10', null], ['s', null], ['10s!', null]];
    for (const [text, seconds] of durations) expect(durationSeconds(text), text).toBe(seconds);
    expect(boundsText(rule('a', 'integer', { min: 1, max: 9 }))).toBe('1 – 9');
    expect(boundsText(rule('a', 'float', { max: 2.5 }))).toBe('at most 2.5');
    expect(boundsText(rule('a', 'string'))).toBe('');
    expect(differsFromDefault(rule('a', 'integer', { default: 10 }), '10')).toBe(false);
    expect(differsFromDefault(rule('a', 'integer', { default: 10 }), '11')).toBe(true);
    expect(differsFromDefault(rule('a', 'integer', { default: 10 }), '')).toBe(false);
    expect(fieldLabel('sample_rate')).toBe('Sample rate');
  });

  it('puts the engine’s reasons beside their fields', () => {
    const rules = [rule('rate', 'integer'), rule('ports', 'string')];
    expect(reasonByKey(rules, 'rate: 13 is too many; ports: taken; the plugin said no')).toEqual({ byKey: { rate: '13 is too many.', ports: 'Taken.' }, rest: 'the plugin said no' });
    expect(reasonByKey(rules, 'status 500: internal')).toEqual({ byKey: {}, rest: 'status 500: internal' });
    expect(reasonByKey(rules, '')).toEqual({ byKey: {}, rest: '' });
  });
});
