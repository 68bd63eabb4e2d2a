import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { ApiError } from '../src/generated/ApiError';
import { toApiError } from '../src/backend/backend';
import { HttpBackend } from '../src/backend/http';

/** A real server whose next answer is set by each test. */
let server: Server;
let base: string;
let answer: { status: number; body: string } = { status: 200, body: 'null' };
let asked: { url: string; method: string; body: string } | null = null;

beforeAll(async () => {
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      asked = { url: request.url ?? '', method: request.method ?? '', body };
      response.writeHead(answer.status, { 'content-type': 'application/json', 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' });
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => {
  server.close();
});

beforeEach(() => {
  asked = null;
});

async function failure(backend: HttpBackend): Promise<ApiError> {
  try {
    await backend.call({ op: 'status' });
  } catch (thrown) {
    return thrown as ApiError;
  }
  throw new Error('the call did not fail');
}

describe('http backend', () => {
  it('posts the request and gives the answer', async () => {
    answer = { status: 200, body: '{"id":"x"}' };
    const backend = new HttpBackend({ base });
    expect(await backend.call({ op: 'status' })).toEqual({ id: 'x' });
    expect(asked).toEqual({ url: '/api/call', method: 'POST', body: '{"op":"status"}' });
  });

  it('passes the engine’s errors on as they are', async () => {
    const error = { code: 'bad_query', message: 'This bracket is not closed.', at: [2, 3] };
    answer = { status: 400, body: JSON.stringify(error) };
    expect(await failure(new HttpBackend({ base }))).toEqual(error);
    answer = { status: 500, body: JSON.stringify({ code: 'internal', message: 'Ours.', at: null }) };
    expect((await failure(new HttpBackend({ base }))).message).toBe('Ours.');
  });

  it('names the status where the answer is not an error of the engine', async () => {
    answer = { status: 502, body: '<html>' };
    const error = await failure(new HttpBackend({ base }));
    expect(error.code).toBe('internal');
    expect(error.message).toContain('502');
  });

  it('tells when the answer is not JSON', async () => {
    answer = { status: 200, body: 'hello' };
    expect((await failure(new HttpBackend({ base }))).code).toBe('internal');
  });

  it('asks for a token on 401', async () => {
    answer = { status: 401, body: '{}' };
    let wanted = 0;
    const error = await failure(new HttpBackend({ base, onUnauthorized: () => (wanted += 1) }));
    expect(error.code).toBe('forbidden');
    expect(wanted).toBe(1);
  });

  it('says so when nobody answers', async () => {
    const error = await failure(new HttpBackend({ base: 'http://127.0.0.1:9/' }));
    expect(error.code).toBe('unavailable');
  });
});

describe('addresses', () => {
  it('are asked as they are, and an empty answer is nothing', async () => {
    const backend = new HttpBackend({ base });
    answer = { status: 200, body: '[1]' };
    expect(await backend.send({ method: 'PUT', path: '/apis/a?b=1', mediaType: 'application/yaml', body: 'a: 1' })).toEqual([1]);
    expect(asked).toEqual({ url: '/apis/a?b=1', method: 'PUT', body: 'a: 1' });
    answer = { status: 200, body: '' };
    expect(await backend.send({ method: 'DELETE', path: '/apis/a' })).toBeNull();
    const error = { code: 'bad_request', message: 'No.', at: null, fields: [{ field: 'a.b', message: 'is missing' }] };
    answer = { status: 422, body: JSON.stringify(error) };
    await expect(backend.send({ method: 'GET', path: '/apis/a' })).rejects.toEqual(error);
    answer = { status: 502, body: 'nginx' };
    await expect(backend.send({ method: 'GET', path: '/apis/a' })).rejects.toMatchObject({ code: 'internal', message: 'The engine answered 502.' });
  });

  it('are followed line by line, however the bytes are cut', async () => {
    const lines: string[] = [];
    const follow = (path: string) => new Promise((end) => new HttpBackend({ base }).follow(path, { line: (text) => lines.push(text), end }));
    answer = { status: 200, body: '{"a":1}\n{"b":"ü"}\n\nrest' };
    expect(await follow('/apis/a?watch=1')).toBeNull();
    expect(lines).toEqual(['{"a":1}', '{"b":"ü"}']);
    answer = { status: 410, body: JSON.stringify({ code: 'conflict', message: 'Too old.', at: null }) };
    expect(await follow('/apis/a')).toMatchObject({ code: 'conflict', message: 'Too old.' });
  });
});

it('takes anything thrown as an error with a code', () => {
  expect(toApiError({ code: 'timeout', message: 'Late.' })).toEqual({ code: 'timeout', message: 'Late.', at: null });
  expect(toApiError('text').message).toBe('text');
  expect(toApiError(new Error('boom')).message).toBe('boom');
  expect(toApiError(42).code).toBe('internal');
});
