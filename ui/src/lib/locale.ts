/**
 * A web view under the POSIX locale says that its language is `C`, which is none: everything that formats
 * with it throws, libraries at their first line. Imported before all else.
 */
export function ensureLanguage(of: { language: string }): void {
  try {
    Intl.getCanonicalLocales(of.language);
  } catch {
    Object.defineProperty(of, 'language', { value: 'en-GB', configurable: true });
  }
}

ensureLanguage(navigator);
