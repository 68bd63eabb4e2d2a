import type { ApiError } from '../generated/ApiError';
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

/** The engine as the window sees it, whatever lies between. */
export interface Backend {
  readonly kind: 'tauri' | 'http' | 'fake';
  /** Asks one question. Rejects with an {@link ApiError} and nothing else. */
  call<T>(request: Request): Promise<T>;
  openView(events: ViewEvents): ViewHandle;
  /** Saves an export to a file. Resolves to where it went, or null when the person thought better of it. */
  exportFile(request: Request): Promise<string | null>;
  /** Saves text that the window itself made. */
  saveText(fileName: string, mediaType: string, text: string): Promise<string | null>;
  openExternal(url: string): void;
}

export function apiError(code: ApiError['code'], message: string): ApiError {
  return { code, message, at: null };
}

/** Anything thrown, as an {@link ApiError}. */
export function toApiError(thrown: unknown): ApiError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    const { code, message, at } = thrown as Partial<ApiError>;
    if (typeof code === 'string' && typeof message === 'string') {
      return { code, message, at: at ?? null };
    }
  }
  if (typeof thrown === 'string') return apiError('internal', thrown);
  if (thrown instanceof Error) return apiError('internal', thrown.message);
  return apiError('internal', 'The engine gave an answer that this window does not understand.');
}
