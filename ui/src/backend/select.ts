import type { Backend } from './backend';
import { HttpBackend } from './http';

/** The backend that fits where the window runs. */
export async function selectBackend(onUnauthorized: () => void): Promise<Backend> {
  if (import.meta.env.MODE === 'fake') {
    const { FakeBackend } = await import('./fake/fake');
    return new FakeBackend({ empty: new URLSearchParams(window.location.search).has('empty') });
  }
  if ('__TAURI_INTERNALS__' in window) {
    const { TauriBackend } = await import('./tauri');
    return new TauriBackend();
  }
  return new HttpBackend({ onUnauthorized });
}
