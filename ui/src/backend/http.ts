import type { ApiError } from '../generated/ApiError';
import type { ExportedText } from '../generated/ExportedText';
import type { Request } from '../generated/Request';
import type { ViewMessage } from '../generated/ViewMessage';
import type { ViewRequest } from '../generated/ViewRequest';
import { answered, apiError, isApiError, type Backend, type ChosenPackage, type LineEvents, type LineHandle, type PipeEvents, type PipeHandle, toApiError, type ViewEvents, type ViewHandle, type WebRequest } from './backend';
import { download } from './download';
import { followLines } from './http-lines';
import { HttpPipe } from './http-pipe';
import { chooseFile, uploaded } from './upload';

/** Longest wait for an answer, in milliseconds; exports of a long history are the slowest. */
const CALL_TIMEOUT_MS = 30_000;
/** Waits between attempts to reconnect a view, in milliseconds; the last one repeats. */
const RECONNECT_MS = [500, 1_000, 2_000, 4_000, 5_000];

/** Packages, as file dialogs filter them. */
const PACKAGE_FILES = '.gz,.tgz,.zst,.tar';

export interface HttpOptions {
  /** Where the engine answers, such as `http://127.0.0.1:4040/`; the page's own place when not given. */
  base?: string;
  /** Called when the engine wants a token. */
  onUnauthorized?: () => void;
}

/** Talks to an engine over HTTP and a websocket, as the browser mode does. */
export class HttpBackend implements Backend {
  readonly kind = 'http';
  #base: string;
  #onUnauthorized: () => void;

  constructor(options: HttpOptions = {}) {
    this.#base = options.base ?? new URL('./', window.location.href).href;
    this.#onUnauthorized = options.onUnauthorized ?? (() => {});
  }

  async call<T>(request: Request): Promise<T> {
    let response: Response;
    try {
      response = await fetch(new URL('api/call', this.#base), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
        credentials: 'same-origin',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
    } catch (thrown) {
      throw unreachable(thrown);
    }
    if (response.ok) return (await parsed(response)) as T;
    throw await this.#failure(response);
  }

  async send<T>(request: WebRequest): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#address(request.path), {
        method: request.method,
        ...(request.body === undefined ? {} : { body: request.body, headers: { 'content-type': request.mediaType ?? 'application/json' } }),
        credentials: 'same-origin',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (thrown) {
      throw unreachable(thrown);
    }
    if (response.status === 401) throw this.#unauthorized();
    return answered<T>(response.status, text);
  }

  follow(path: string, events: LineEvents): LineHandle {
    const stop = new AbortController();
    void followLines(this.#address(path), events, stop.signal);
    return { close: () => stop.abort() };
  }

  openView(events: ViewEvents): ViewHandle {
    return new HttpView(new URL('api/view', this.#base), events);
  }

  openPipe(id: string, events: PipeEvents): PipeHandle {
    return new HttpPipe(new URL(`api/pipe/${encodeURIComponent(id)}`, this.#base), events);
  }

  async choosePackage(): Promise<ChosenPackage | null> {
    const file = await chooseFile(PACKAGE_FILES);
    return file ? uploaded(file, new URL('api/uploads', this.#base)) : null;
  }

  async exportFile(request: Request): Promise<string | null> {
    const file = await this.call<ExportedText>(request);
    download(file.file_name, new Blob([file.text], { type: file.media_type }));
    return file.file_name;
  }

  async saveText(fileName: string, mediaType: string, text: string): Promise<string | null> {
    return this.saveBlob(fileName, new Blob([text], { type: mediaType }));
  }

  async saveBlob(fileName: string, blob: Blob): Promise<string | null> {
    download(fileName, blob);
    return fileName;
  }

  openExternal(url: string): void {
    window.open(url, '_blank', 'noopener,noreferrer');
  }

  /** An address of the engine, which may stand behind a prefix. */
  #address(path: string): URL {
    return new URL(path.replace(/^\//, ''), this.#base);
  }

  #unauthorized(): ApiError {
    this.#onUnauthorized();
    return apiError('forbidden', 'This engine asks for a token.');
  }

  async #failure(response: Response): Promise<ApiError> {
    if (response.status === 401) return this.#unauthorized();
    const body = await parsed(response).catch(() => null);
    if (isApiError(body)) return toApiError(body);
    const status = `${response.status} ${response.statusText}`.trim();
    return apiError('internal', `The engine answered ${status}.`);
  }
}

async function parsed(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw apiError('internal', 'The engine gave an answer that is not JSON.');
  }
}

function unreachable(thrown: unknown): ApiError {
  const timedOut = thrown instanceof DOMException && thrown.name === 'TimeoutError';
  return timedOut
    ? apiError('timeout', `The engine did not answer within ${CALL_TIMEOUT_MS / 1000} s.`)
    : apiError('unavailable', 'The engine does not answer. It may have stopped.');
}

/** A view over a websocket that comes back by itself. */
class HttpView implements ViewHandle {
  #url: URL;
  #events: ViewEvents;
  #socket: WebSocket | null = null;
  #waiting: ViewRequest | null = null;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(url: URL, events: ViewEvents) {
    this.#url = new URL(url);
    this.#url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    this.#events = events;
    this.#connect();
  }

  send(request: ViewRequest): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request));
    // Only the newest wish counts, and a resync is pointless before an open.
    else if (request.type === 'open') this.#waiting = request;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      const first = this.#attempt === 0;
      this.#attempt = 0;
      if (this.#waiting) socket.send(JSON.stringify(this.#waiting));
      this.#waiting = null;
      if (!first) this.#events.link('open');
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data !== 'string') return;
      let message: ViewMessage;
      try {
        message = JSON.parse(event.data) as ViewMessage;
      } catch {
        return;
      }
      this.#events.message(message);
    };
    socket.onclose = () => this.#retry();
  }

  #retry(): void {
    if (this.#closed) return;
    this.#events.link('reconnecting');
    const wait = RECONNECT_MS[Math.min(this.#attempt, RECONNECT_MS.length - 1)];
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#connect(), wait);
  }
}
