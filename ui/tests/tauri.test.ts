import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, expect, it } from 'vitest';

import { TauriBackend } from '../src/backend/tauri';

afterEach(() => clearMocks());

type Calls = { command: string; args: Record<string, unknown> }[];

/** A shell whose answers are given by the test. */
function shell(answer: (command: string, args: Record<string, unknown>) => unknown): Calls {
  const calls: Calls = [];
  mockIPC((command, args) => {
    calls.push({ command, args: (args ?? {}) as Record<string, unknown> });
    return answer(command, (args ?? {}) as Record<string, unknown>);
  });
  return calls;
}

const turn = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));
const nothing = { bytes() {}, link() {}, end() {} };

it('types in order, though calls of the shell may overtake each other', async () => {
  let typed = '';
  let slow = 8;
  shell(async (command, args) => {
    if (command !== 'pipe_send') return 7;
    // The first call is the slowest.
    await turn((slow -= 2));
    typed += String.fromCharCode(...(args.data as number[]));
    return null;
  });
  const pipe = new TauriBackend().openPipe('p', nothing);
  for (const letter of 'ls -la') {
    pipe.send(new TextEncoder().encode(letter));
    await turn();
  }
  await turn(60);
  expect(typed).toBe('ls -la');
});

it('closes a pipe for good, or lets go of it', async () => {
  const calls = shell(() => 7);
  const backend = new TauriBackend();
  const links: string[] = [];
  const first = backend.openPipe('a', { ...nothing, link: (state) => links.push(state) });
  await turn();
  first.close();
  backend.openPipe('b', nothing).detach();
  await turn();
  expect(links).toEqual(['open']);
  expect(calls.map(({ command, args }) => [command, args.id ?? args.handle])).toEqual([['pipe_open', 'a'], ['pipe_open', 'b'], ['pipe_close', 7], ['pipe_detach', 7]]);
});

it('tells why a pipe cannot be had', async () => {
  shell(() => {
    throw { code: 'limit_exceeded', message: 'Too many terminals.', at: null };
  });
  let ended = '';
  new TauriBackend().openPipe('a', { ...nothing, end: (end, text) => (ended = `${end}: ${text}`) });
  await turn();
  expect(ended).toBe('failed: Too many terminals.');
});

it('sends to addresses and follows them', async () => {
  let channel: { onmessage: (message: unknown) => void } | undefined;
  const calls = shell((command, args) => {
    if (command === 'follow') channel = args.channel as typeof channel;
    return command === 'send' ? { status: 422, body: JSON.stringify({ code: 'bad_request', message: 'No.', at: null }) } : null;
  });
  const backend = new TauriBackend();
  await expect(backend.send({ method: 'PUT', path: '/apis/a', mediaType: 'application/yaml', body: 'a: 1' })).rejects.toMatchObject({ message: 'No.' });
  expect(calls[0]).toEqual({ command: 'send', args: { method: 'PUT', path: '/apis/a', mediaType: 'application/yaml', body: 'a: 1' } });
  const heard: unknown[] = [];
  const handle = backend.follow('/apis/a?watch=1', { line: (text) => heard.push(text), end: (error) => heard.push(error) });
  await turn();
  channel?.onmessage({ line: '{}' });
  channel?.onmessage({ end: null });
  channel?.onmessage({ line: 'late' });
  expect(heard).toEqual(['{}', null]);
  handle.close();
  await turn();
  expect(calls.at(-1)?.command).toBe('unfollow');
  expect(calls.at(-1)?.args.number).toBe(calls[1]?.args.number);
});

it('leaves a chosen package where it is', async () => {
  shell(() => '/home/ada/a-1.0.0.tar.zst');
  const chosen = await new TauriBackend().choosePackage();
  expect([chosen?.name, chosen?.bytes]).toEqual(['a-1.0.0.tar.zst', null]);
  expect(await chosen?.deliver(() => {}, new AbortController().signal)).toEqual({ from: 'file', path: '/home/ada/a-1.0.0.tar.zst' });
  shell(() => null);
  expect(await new TauriBackend().choosePackage()).toBeNull();
});

it('saves text as it is, and a picture as base64, which the shell turns back', async () => {
  const calls = shell(() => '/home/ada/map.png');
  const backend = new TauriBackend();
  expect(await backend.saveText('map.svg', 'image/svg+xml', '<svg/>')).toBe('/home/ada/map.png');
  await backend.saveBlob('map.png', new Blob([new Uint8Array([0, 255, 16])], { type: 'image/png' }));
  expect(calls.map(({ command, args }) => [command, args])).toEqual([
    ['save_text', { fileName: 'map.svg', mediaType: 'image/svg+xml', text: '<svg/>', base64: false }],
    ['save_text', { fileName: 'map.png', mediaType: 'image/png', text: 'AP8Q', base64: true }],
  ]);
});
