import { Channel, invoke } from '@tauri-apps/api/core';

import type { Request } from '../generated/Request';
import type { ViewMessage } from '../generated/ViewMessage';
import type { ViewRequest } from '../generated/ViewRequest';
import { type Backend, toApiError, type ViewEvents, type ViewHandle } from './backend';

/** Talks to the engine inside the same process. */
export class TauriBackend implements Backend {
  readonly kind = 'tauri';

  async call<T>(request: Request): Promise<T> {
    try {
      return await invoke<T>('call', { request });
    } catch (thrown) {
      throw toApiError(thrown);
    }
  }

  openView(events: ViewEvents): ViewHandle {
    return new TauriView(events);
  }

  async exportFile(request: Request): Promise<string | null> {
    try {
      return await invoke<string | null>('save_export', { request });
    } catch (thrown) {
      throw toApiError(thrown);
    }
  }

  async saveText(fileName: string, mediaType: string, text: string): Promise<string | null> {
    try {
      return await invoke<string | null>('save_text', { fileName, mediaType, text });
    } catch (thrown) {
      throw toApiError(thrown);
    }
  }

  openExternal(url: string): void {
    // The shell refuses what is not http or https; there is nothing for the window to add.
    invoke('open_external', { url }).catch(() => {});
  }
}

class TauriView implements ViewHandle {
  #id: Promise<unknown>;
  #events: ViewEvents;
  #closed = false;

  constructor(events: ViewEvents) {
    this.#events = events;
    const channel = new Channel<ViewMessage>();
    channel.onmessage = (message) => {
      if (!this.#closed) events.message(message);
    };
    this.#id = invoke('open_view', { channel });
    this.#id.catch((thrown) => this.#failed(thrown));
  }

  send(request: ViewRequest): void {
    this.#id
      .then((id) => invoke('view_send', { id, request }))
      .catch((thrown) => this.#failed(thrown));
  }

  close(): void {
    this.#closed = true;
    this.#id.then((id) => invoke('close_view', { id })).catch(() => {});
  }

  #failed(thrown: unknown): void {
    const { code, message } = toApiError(thrown);
    if (!this.#closed) this.#events.message({ type: 'failed', code, message });
  }
}
