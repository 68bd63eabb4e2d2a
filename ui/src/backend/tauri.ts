import { Channel, invoke } from '@tauri-apps/api/core';

import type { ApiError } from '../generated/ApiError';
import type { Request } from '../generated/Request';
import type { ViewMessage } from '../generated/ViewMessage';
import type { ViewRequest } from '../generated/ViewRequest';
import { apiError, answered, type Backend, type ChosenPackage, type LineEvents, type LineHandle, type PipeEnd, type PipeEvents, type PipeHandle, toApiError, type ViewEvents, type ViewHandle, type WebRequest } from './backend';

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

  async send<T>(request: WebRequest): Promise<T> {
    let answer: { status: number; body: string };
    try {
      answer = await invoke('send', { method: request.method, path: request.path, mediaType: request.body === undefined ? null : (request.mediaType ?? 'application/json'), body: request.body ?? '' });
    } catch (thrown) {
      throw toApiError(thrown);
    }
    return answered<T>(answer.status, answer.body);
  }

  follow(path: string, events: LineEvents): LineHandle {
    return new TauriLines(path, events);
  }

  openView(events: ViewEvents): ViewHandle {
    return new TauriView(events);
  }

  openPipe(id: string, events: PipeEvents): PipeHandle {
    return new TauriPipe(id, events);
  }

  async choosePackage(): Promise<ChosenPackage | null> {
    try {
      const path = await invoke<string | null>('pick_package');
      if (path === null) return null;
      // The engine reads the file itself: there is nothing to send.
      return { name: path.split('/').at(-1) ?? path, bytes: null, deliver: async () => ({ from: 'file', path }) };
    } catch (thrown) {
      throw toApiError(thrown);
    }
  }

  async exportFile(request: Request): Promise<string | null> {
    try {
      return await invoke<string | null>('save_export', { request });
    } catch (thrown) {
      throw toApiError(thrown);
    }
  }

  saveText(fileName: string, mediaType: string, text: string): Promise<string | null> {
    return this.#save({ fileName, mediaType, text, base64: false });
  }

  async saveBlob(fileName: string, blob: Blob): Promise<string | null> {
    return this.#save({ fileName, mediaType: blob.type, text: await base64(blob), base64: true });
  }

  async #save(args: { fileName: string; mediaType: string; text: string; base64: boolean }): Promise<string | null> {
    try {
      return await invoke<string | null>('save_text', args);
    } catch (thrown) {
      throw toApiError(thrown);
    }
  }

  openExternal(url: string): void {
    // The shell refuses what is not http or https; there is nothing for the window to add.
    invoke('open_external', { url }).catch(() => {});
  }
}

/** The reader of files makes it a data address, whose tail it is. */
function base64(blob: Blob): Promise<string> {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => fail(apiError('internal', 'The picture could not be read.'));
    reader.readAsDataURL(blob);
  });
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

/** What the shell sends of an answer that is followed. */
type LineMessage = { line: string } | { end: ApiError | null };

class TauriLines implements LineHandle {
  static #next = 1;
  #number = TauriLines.#next++;
  #events: LineEvents;
  #over = false;

  constructor(path: string, events: LineEvents) {
    this.#events = events;
    const channel = new Channel<LineMessage>();
    channel.onmessage = (message) => {
      if (this.#over) return;
      if ('line' in message) events.line(message.line);
      else this.#end(message.end);
    };
    invoke('follow', { number: this.#number, path, channel }).catch((thrown) => this.#end(toApiError(thrown)));
  }

  close(): void {
    this.#over = true;
    invoke('unfollow', { number: this.#number }).catch(() => {});
  }

  #end(error: ApiError | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.end(error);
  }
}

/** Bytes in one call; a paste may be longer. */
const CHUNK_BYTES = 64 * 1024;
/** Bytes kept while a call is under way; more is a paste into nowhere. */
const WAITING_BYTES = 4 * 1024 * 1024;

/** What the shell sends on a pipe's channel: bytes, or how the pipe ended. */
type PipeMessage = ArrayBuffer | { end: PipeEnd; text: string };

class TauriPipe implements PipeHandle {
  #handle: Promise<number>;
  #events: PipeEvents;
  #waiting: number[] = [];
  #sending = false;
  #over = false;

  constructor(id: string, events: PipeEvents) {
    this.#events = events;
    const channel = new Channel<PipeMessage>();
    channel.onmessage = (message) => {
      if (this.#over) return;
      if ('end' in message) this.#end(message.end, message.text);
      else events.bytes(new Uint8Array(message));
    };
    this.#handle = invoke<number>('pipe_open', { id, channel });
    this.#handle.then(
      () => this.#over || events.link('open'),
      (thrown) => this.#end('failed', toApiError(thrown).message),
    );
  }

  send(bytes: Uint8Array): void {
    if (this.#waiting.length + bytes.length > WAITING_BYTES) return;
    for (const byte of bytes) this.#waiting.push(byte);
    if (!this.#sending) void this.#sendAll();
  }

  detach(): void {
    this.#leave('pipe_detach');
  }

  close(): void {
    this.#leave('pipe_close');
  }

  /** One call at a time: two at once could overtake each other, and letters change places. */
  async #sendAll(): Promise<void> {
    this.#sending = true;
    try {
      const handle = await this.#handle;
      while (this.#waiting.length > 0 && !this.#over) await invoke('pipe_send', { handle, data: this.#waiting.splice(0, CHUNK_BYTES) });
    } catch {
      // A pipe that takes nothing more tells its end on the channel.
      this.#waiting = [];
    } finally {
      this.#sending = false;
    }
  }

  #leave(command: 'pipe_detach' | 'pipe_close'): void {
    this.#over = true;
    this.#handle.then((handle) => invoke(command, { handle })).catch(() => {});
  }

  #end(end: PipeEnd, text: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.end(end, text);
  }
}
