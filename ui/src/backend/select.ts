import type { Backend } from './backend';
import { HttpBackend } from './http';

/** The backend that fits where the window runs. */
export async function selectBackend(onUnauthorized: () => void): Promise<Backend> {
  if (import.meta.env.MODE === 'fake') {
    const { FakeBackend } = await import('./fake/fake');
    const search = new URLSearchParams(window.location.search);
    return new FakeBackend({ empty: search.has('empty'), processes: Number(search.get('processes') ?? 0), ...(search.get('role') === 'view' ? { role: 'view' as const } : {}) });
  }
  if ('__TAURI_INTERNALS__' in window) {
    const { TauriBackend } = await import('./tauri');
    return new TauriBackend();
  }
  return new HttpBackend({ onUnauthorized });
}
