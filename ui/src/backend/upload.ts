import type { PackageSource } from '../generated/PackageSource';
import { apiError, type ChosenPackage, toApiError } from './backend';

/** Asks for a file with the browser's own dialog; null when none is chosen. */
export function chooseFile(accept: string): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = accept;
    input.onchange = () => resolve(input.files?.[0] ?? null);
    input.oncancel = () => resolve(null);
    input.click();
  });
}

/** A file of the browser, sent to the engine when it is to be installed. */
export function uploaded(file: File, url: URL): ChosenPackage {
  return {
    name: file.name,
    bytes: file.size,
    deliver: (progress, signal) => upload(file, url, progress, signal),
  };
}

/** Only `XMLHttpRequest` says how much of a body has left. */
function upload(file: File, url: URL, progress: (sent: number, total: number) => void, signal: AbortSignal): Promise<PackageSource> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', url);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.onprogress = (event) => progress(event.loaded, event.total || file.size);
    request.onload = () => {
      const answer = read(request.responseText);
      if (request.status >= 200 && request.status < 300 && typeof answer?.upload === 'string') resolve({ from: 'upload', upload: answer.upload });
      else if (answer && 'code' in answer) reject(toApiError(answer));
      else reject(apiError('internal', `The engine answered ${request.status} to the upload.`));
    };
    request.onerror = () => reject(apiError('unavailable', 'The upload broke off. The engine may have stopped.'));
    request.onabort = () => reject(apiError('refused', 'The upload was cancelled.'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    if (signal.aborted) reject(apiError('refused', 'The upload was cancelled.'));
    else request.send(file);
  });
}

function read(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
