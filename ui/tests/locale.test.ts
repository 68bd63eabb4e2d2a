import { expect, test } from 'vitest';
import { ensureLanguage } from '../src/lib/locale';

test('a language that is none becomes one that formats', () => {
  const posix = { language: 'C' };
  ensureLanguage(posix);
  expect(new Intl.NumberFormat(posix.language).format(1)).toBe('1');
  const german = { language: 'de' };
  ensureLanguage(german);
  expect(german.language).toBe('de');
});
