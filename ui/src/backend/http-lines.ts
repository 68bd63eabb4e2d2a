import { answered, apiError, type LineEvents, toApiError } from './backend';

/** What lines may come as; some addresses answer at once unless a stream is asked for. */
const STREAMS = 'text/event-stream, application/json, */*';
/** Longest line that is taken in, in characters; an object of the data plane is far smaller. */
const MAX_LINE = 8 * 1024 * 1024;

/** Reads an answer line by line until it ends or is let go of. */
export async function followLines(url: URL, events: LineEvents, signal: AbortSignal): Promise<void> {
  try {
    const response = await fetch(url, { credentials: 'same-origin', headers: { Accept: STREAMS }, signal });
    if (!response.ok || !response.body) answered(response.ok ? 500 : response.status, await response.text());
    else await read(response.body.getReader(), events, signal);
    if (!signal.aborted) events.end(null);
  } catch (thrown) {
    if (signal.aborted) return;
    const known = typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown && !(thrown instanceof DOMException);
    events.end(known ? toApiError(thrown) : apiError('unavailable', 'The engine does not answer. It may have stopped.'));
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>, events: LineEvents, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder();
  let pending = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (signal.aborted) return;
    pending += decoder.decode(value, { stream: !done });
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') events.line(line);
    if (pending.length > MAX_LINE) throw apiError('limit_exceeded', 'The engine sent a line that is too long.');
    if (done) return;
  }
}
