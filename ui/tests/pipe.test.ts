import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WebSocket as Peer, WebSocketServer as PeerServer } from 'ws';

import type { PipeEnd } from '../src/backend/backend';
import { HttpPipe } from '../src/backend/http-pipe';
import { uploaded } from '../src/backend/upload';

// By its name a test of a page would get the package's stub for browsers, as jsdom's own websocket does.
const { WebSocket: RealSocket, WebSocketServer } = createRequire(import.meta.url)('../node_modules/ws/index.js') as { WebSocket: unknown; WebSocketServer: typeof PeerServer };

/** A real engine's side: one pipe, its state, and who holds it. */
let server: Server;
let sockets: PeerServer;
let base: string;
let pipeOpen = true;
let peers: Peer[] = [];
let got = '';
let deleted: string[] = [];
let uploadStatus = 200;
let uploadBytes = 0;

const CORS = { 'access-control-allow-origin': '*', 'access-control-allow-methods': '*', 'access-control-allow-headers': '*', 'access-control-allow-credentials': 'true' };

beforeEach(async () => {
  vi.stubGlobal('WebSocket', RealSocket);
  [pipeOpen, peers, got, deleted, uploadStatus, uploadBytes] = [true, [], '', [], 200, 0];
  server = createServer((request, response) => {
    const answer = (status: number, body = '') => response.writeHead(status, { ...CORS, 'content-type': 'application/json' }).end(body);
    if (request.method === 'OPTIONS') answer(204);
    else if (request.url?.endsWith('/check')) answer(pipeOpen ? 204 : 404);
    else if (request.method === 'DELETE') {
      deleted.push(request.url ?? '');
      answer(200);
    } else {
      request.on('data', (part: Buffer) => (uploadBytes += part.length));
      request.on('end', () => answer(uploadStatus, uploadStatus === 200 ? '{"upload":"u-1"}' : '{"code":"limit_exceeded","message":"Too large.","at":null}'));
    }
  });
  sockets = new WebSocketServer({ server });
  sockets.on('connection', (peer) => {
    peers.push(peer);
    peer.on('message', (data) => (got += String(data)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  vi.unstubAllGlobals();
  for (const peer of sockets.clients) peer.terminate();
  sockets.close();
  server.close();
  server.closeAllConnections();
});

async function until(what: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400 && !what(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
}

function hold() {
  const seen = { text: '', links: [] as string[], end: null as PipeEnd | null };
  const pipe = new HttpPipe(new URL(`${base}/api/pipe/p-1`), {
    bytes: (bytes) => (seen.text += new TextDecoder().decode(bytes)),
    link: (link) => seen.links.push(link),
    end: (end) => (seen.end = end),
  });
  return { pipe, seen };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a pipe over a websocket', () => {
  it('carries bytes both ways, also those typed before it was open', async () => {
    const { pipe, seen } = hold();
    pipe.send(bytes('early '));
    await until(() => seen.links.includes('open'));
    pipe.send(bytes('x'.repeat(40_000)));
    peers[0]?.send(Buffer.from('né'));
    peers[0]?.send('text too');
    await until(() => got.length === 40_006 && seen.text === 'nétext too');
    expect(got.startsWith('early x')).toBe(true);
    pipe.detach();
  });

  it('comes back after an accident, and ends when the far end closed it', async () => {
    const { seen } = hold();
    await until(() => peers.length === 1);
    peers[0]?.terminate();
    await until(() => peers.length === 2 && seen.links.at(-1) === 'open');
    expect(seen.links).toEqual(['open', 'reconnecting', 'open']);
    pipeOpen = false;
    peers.at(-1)?.close();
    await until(() => seen.end === 'closed');
  });

  it('does not fight over the pipe with a window that took it', async () => {
    const { seen } = hold();
    await until(() => peers.length === 1);
    peers[0]?.close();
    await until(() => seen.end === 'taken');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(peers).toHaveLength(1);
  });

  it('deletes the pipe when it is closed, and leaves it when it is let go', async () => {
    const first = hold();
    await until(() => peers.length === 1);
    first.pipe.detach();
    await until(() => sockets.clients.size === 0);
    expect(deleted).toEqual([]);
    const second = hold();
    await until(() => second.seen.links.includes('open'));
    second.pipe.close();
    await until(() => deleted.length === 1);
    expect(deleted).toEqual(['/api/pipe/p-1']);
    expect(second.seen.end).toBeNull();
  });
});

describe('an upload', () => {
  const file = () => new File([new Uint8Array(200_000)], 'a-1.0.0.tar.gz');

  it('tells how much has left, and gives the handle', async () => {
    const chosen = uploaded(file(), new URL(`${base}/api/uploads`));
    expect([chosen.name, chosen.bytes]).toEqual(['a-1.0.0.tar.gz', 200_000]);
    const sent: number[] = [];
    expect(await chosen.deliver((part) => sent.push(part), new AbortController().signal)).toEqual({ from: 'upload', upload: 'u-1' });
    expect(uploadBytes).toBe(200_000);
    expect(sent.length).toBeGreaterThan(0);
  });

  it('passes the engine’s refusal on, and can be stopped', async () => {
    uploadStatus = 413;
    const chosen = uploaded(file(), new URL(`${base}/api/uploads`));
    await expect(chosen.deliver(() => {}, new AbortController().signal)).rejects.toMatchObject({ code: 'limit_exceeded', message: 'Too large.' });
    const stop = new AbortController();
    const promise = chosen.deliver(() => {}, stop.signal);
    stop.abort();
    await expect(promise).rejects.toMatchObject({ code: 'refused' });
    await expect(chosen.deliver(() => {}, AbortSignal.abort())).rejects.toMatchObject({ code: 'refused' });
  });
});
