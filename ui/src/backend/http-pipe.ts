import type { PipeEvents, PipeHandle } from './backend';

/** Waits between attempts to take hold of the pipe again, in milliseconds; the last one repeats. */
const RECONNECT_MS = [250, 500, 1_000, 2_000, 5_000];
/** Bytes in one message; a paste may be longer. */
const CHUNK_BYTES = 16 * 1024;
/** Bytes kept while there is no link; more is a paste into nowhere. */
const WAITING_BYTES = 64 * 1024;

/** A pipe over a websocket that comes back by itself for as long as the pipe is open. */
export class HttpPipe implements PipeHandle {
  #url: URL;
  #events: PipeEvents;
  #socket: WebSocket | null = null;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  /** `url` is the pipe's own, with the scheme of the page. */
  constructor(url: URL, events: PipeEvents) {
    this.#url = url;
    this.#events = events;
    this.#connect();
  }

  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) this.#sendChunk(new Uint8Array(bytes.subarray(at, at + CHUNK_BYTES)));
  }

  detach(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  close(): void {
    this.detach();
    // A pipe that is closed already, or an engine that is gone, has nothing left to close.
    fetch(this.#url, { method: 'DELETE', credentials: 'same-origin', keepalive: true }).catch(() => {});
  }

  #sendChunk(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(chunk);
      return;
    }
    const waiting = this.#waiting.reduce((sum, part) => sum + part.length, 0);
    if (waiting + chunk.length <= WAITING_BYTES) this.#waiting.push(chunk);
  }

  #connect(): void {
    const url = new URL(this.#url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      this.#attempt = 0;
      this.#events.link('open');
      for (const chunk of this.#waiting.splice(0)) socket.send(chunk);
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.#events.bytes(typeof event.data === 'string' ? new TextEncoder().encode(event.data) : new Uint8Array(event.data));
    };
    // What failed is closed right after, which is where it is dealt with.
    socket.onerror = () => {};
    socket.onclose = (event) => void this.#lost(event.wasClean);
  }

  /** A clean end is meant: the pipe was closed, or another window took it. Anything else is an accident. */
  async #lost(meant: boolean): Promise<void> {
    if (this.#over) return;
    this.#events.link('reconnecting');
    const open = await this.#isOpen();
    if (this.#over) return;
    if (open === false) this.#end('closed', 'The far end closed it.');
    else if (open === true && meant) this.#end('taken', 'Another window shows this terminal now.');
    else {
      const wait = RECONNECT_MS[Math.min(this.#attempt, RECONNECT_MS.length - 1)];
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#connect(), wait);
    }
  }

  #end(end: 'closed' | 'taken', text: string): void {
    this.#over = true;
    this.#events.end(end, text);
  }

  /** Whether the engine still has the pipe; null when it does not say. */
  async #isOpen(): Promise<boolean | null> {
    try {
      const response = await fetch(`${this.#url.href}/check`, { credentials: 'same-origin' });
      if (response.ok) return true;
      return response.status === 404 ? false : null;
    } catch {
      return null;
    }
  }
}
