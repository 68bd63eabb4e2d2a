import type { ApiError } from '../generated/ApiError';
import type { PackageSource } from '../generated/PackageSource';
import type { Request } from '../generated/Request';
import type { ViewMessage } from '../generated/ViewMessage';
import type { ViewRequest } from '../generated/ViewRequest';

/** How the far side of a view is reachable at the moment. */
export type LinkState = 'open' | 'reconnecting';

/** What a view tells its owner. */
export interface ViewEvents {
  message(message: ViewMessage): void;
  /** The link was lost, or is back; after `open` the owner sends its request anew. */
  link(state: LinkState): void;
}

/** An open view. */
export interface ViewHandle {
  send(request: ViewRequest): void;
  close(): void;
}

/** Why a pipe gives nothing more: it was closed for good, another window holds it, or it cannot be had. */
export type PipeEnd = 'closed' | 'taken' | 'failed';

/** What a pipe tells its owner. */
export interface PipeEvents {
  bytes(bytes: Uint8Array): void;
  /** The link was lost and is tried again, or is there. */
  link(state: LinkState): void;
  /** Nothing comes any more; `text` is a sentence. */
  end(end: PipeEnd, text: string): void;
}

/** The near end of a pipe: a terminal's. */
export interface PipeHandle {
  send(bytes: Uint8Array): void;
  /** Lets go of the end and leaves the pipe. */
  detach(): void;
  /** Closes the pipe for good, at both ends. */
  close(): void;
}

/** What is sent to an address of the engine. */
export interface WebRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, such as `/api/audit?limit=100`. */
  path: string;
  mediaType?: string;
  body?: string;
}

/** What an answer that comes line by line tells its owner. */
export interface LineEvents {
  line(text: string): void;
  /** Nothing comes any more: the answer ended, or `error` says why not. */
  end(error: ApiError | null): void;
}

/** An answer that is followed. */
export interface LineHandle {
  close(): void;
}

/** A package file that a person chose. */
export interface ChosenPackage {
  name: string;
  /** In bytes; null where only the engine can see the file. */
  bytes: number | null;
  /**
   * Puts it where the engine can read it. Rejects with an {@link ApiError}; a stop by `signal` rejects with
   * the code `refused`.
   */
  deliver(progress: (sent: number, total: number) => void, signal: AbortSignal): Promise<PackageSource>;
}

/** The engine as the window sees it, whatever lies between. */
export interface Backend {
  readonly kind: 'tauri' | 'http' | 'fake';
  /** Asks one question. Rejects with an {@link ApiError} and nothing else. */
  call<T>(request: Request): Promise<T>;
  /**
   * Sends a request to an address of the engine, for what is kept there and is no operation. Resolves to the parsed
   * answer, null where it is empty. Rejects with an {@link ApiError} and nothing else.
   */
  send<T>(request: WebRequest): Promise<T>;
  /** Follows an answer that comes line by line. */
  follow(path: string, events: LineEvents): LineHandle;
  openView(events: ViewEvents): ViewHandle;
  /** Takes hold of a pipe that a control opened. */
  openPipe(id: string, events: PipeEvents): PipeHandle;
  /** Asks for a package file. Resolves to null when the person thought better of it. */
  choosePackage(): Promise<ChosenPackage | null>;
  /** Saves an export to a file. Resolves to where it went, or null when the person thought better of it. */
  exportFile(request: Request): Promise<string | null>;
  /** Saves text that the window itself made. */
  saveText(fileName: string, mediaType: string, text: string): Promise<string | null>;
  /** Saves bytes that the window itself made, such as a picture. */
  saveBlob(fileName: string, blob: Blob): Promise<string | null>;
  openExternal(url: string): void;
}

export function apiError(code: ApiError['code'], message: string): ApiError {
  return { code, message, at: null };
}

/** A whole answer of an address: what it holds, or the error that it is. */
export function answered<T>(status: number, body: string): T {
  const good = status >= 200 && status < 300;
  if (good && body === '') return null as T;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw apiError('internal', good ? 'The engine gave an answer that is not JSON.' : `The engine answered ${status}.`);
  }
  if (good) return value as T;
  throw isApiError(value) ? toApiError(value) : apiError('internal', `The engine answered ${status}.`);
}

export function isApiError(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}

/** Anything thrown, as an {@link ApiError}. */
export function toApiError(thrown: unknown): ApiError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    const { code, message, at } = thrown as Partial<ApiError>;
    if (typeof code === 'string' && typeof message === 'string') {
      return { ...(thrown as Partial<ApiError>), code, message, at: at ?? null };
    }
  }
  if (typeof thrown === 'string') return apiError('internal', thrown);
  if (thrown instanceof Error) return apiError('internal', thrown.message);
  return apiError('internal', 'The engine gave an answer that this window does not understand.');
}
