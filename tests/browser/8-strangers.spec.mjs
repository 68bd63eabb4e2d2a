// Pages of others: what a hostile page can make a browser do to an engine that its user has come in to.

import { createServer } from 'node:http';
import { expect, test as base } from './lib/test.mjs';

/** Everything that a page can send without asking, and by which it could learn that it was answered. */
async function attack(target) {
  const results = {};
  const attempt = async (name, work) => {
    results[name] = await Promise.race([
      work().catch((error) => `error: ${error.name}`),
      new Promise((done) => setTimeout(() => done('silence'), 10_000)),
    ]);
  };
  const told = (element, source) => new Promise((done) => {
    element.onload = () => done('loaded');
    element.onerror = () => done('refused');
    if (source) element.src = source;
  });
  const fetched = (path, options) => async () => {
    const answer = await fetch(target + path, { credentials: 'include', ...options });
    return answer.type === 'opaque' ? 'opaque' : `${answer.status}: ${(await answer.text()).slice(0, 60)}`;
  };
  await attempt('fetch', fetched('/api/report', {}));
  await attempt('fetch, not read', fetched('/api/tokens', { mode: 'no-cors', method: 'POST', body: '{"name":"stolen","role":"admin"}' }));
  await attempt('fetch with a preflight', fetched('/api/tokens/noted', { method: 'DELETE', headers: { 'x-a': 'b' } }));
  await attempt('metrics', fetched('/metrics', { mode: 'no-cors' }));
  await attempt('beacon', async () => String(navigator.sendBeacon(`${target}/api/tokens`, '{"name":"beacon","role":"admin"}')));
  await attempt('image', () => told(new Image(), `${target}/mark.svg`));
  await attempt('script', () => {
    const script = document.createElement('script');
    script.src = `${target}/api/plugins`;
    document.head.append(script);
    return told(script);
  });
  await attempt('events', () => new Promise((done) => {
    const source = new EventSource(`${target}/api/events`, { withCredentials: true });
    source.onopen = () => done('open');
    source.onerror = () => {
      source.close();
      done('refused');
    };
  }));
  await attempt('websocket', () => new Promise((done) => {
    const socket = new WebSocket(`${target.replace('http', 'ws')}/api/view`);
    socket.onopen = () => done('open');
    socket.onerror = () => done('refused');
  }));
  await attempt('scope websocket', () => new Promise((done) => {
    const socket = new WebSocket(`${target.replace('http', 'ws')}/api/topology/hosts/ws`);
    socket.onopen = () => done('open');
    socket.onerror = () => done('refused');
  }));
  await attempt('form', () => new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.name = 'answer';
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, { action: `${target}/api/tokens`, method: 'post', enctype: 'text/plain', target: 'answer' });
    const input = document.createElement('input');
    Object.assign(input, { name: '{"name":"form","role":"admin","x":"', value: '"}' });
    form.append(input);
    document.body.append(form);
    frame.onload = () => {
      try {
        done(frame.contentDocument ? 'own' : 'closed');
      } catch {
        done('closed');
      }
    };
    form.submit();
  }));
  await attempt('frame', () => new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.src = target;
    frame.onload = () => {
      try {
        done(frame.contentDocument ? 'own' : 'closed');
      } catch {
        done('closed');
      }
    };
    document.body.append(frame);
  }));
  return results;
}

/** The name that a rebinding page has: first its owner's server, then this machine. */
const NAME = 'rebound.example';

const test = base.extend({
  /** A server of somebody else, on a port of its own. */
  elsewhere: async ({}, use) => {
    const asked = [];
    const server = createServer((request, response) => {
      asked.push(request.headers);
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>elsewhere</title><p>Good day');
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    await use({ port: server.address().port, asked });
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  },

  /** A browser whose user has come in to the engine, and for whom a foreign name leads to this machine. */
  victim: async ({ playwright, engine }, use) => {
    const browser = await playwright.chromium.launch({
      executablePath: process.env.ORRERY_TEST_CHROMIUM ?? '/usr/bin/chromium',
      // The browser's own checks of local networks are off: what is asked here is whether the engine holds without them.
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP *.example 127.0.0.1', '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights'],
    });
    const context = await browser.newContext();
    const token = await engine.command('token');
    const entered = await context.request.post(`${engine.url}/api/session`, { headers: { authorization: `Bearer ${token}` } });
    expect(entered.ok()).toBe(true);
    await use(context);
    await browser.close();
  },
});

const names = async (engine) => JSON.parse(await engine.command('token', 'list', '--json')).map(({ name }) => name);

test('a page of another origin, or of another port, gets nothing and changes nothing', async ({ engine, elsewhere, victim }) => {
  await engine.command('token', 'new', 'noted', '--role', 'view').catch(() => '');
  const before = await names(engine);
  for (const origin of [`http://evil.example:${elsewhere.port}`, `http://127.0.0.1:${elsewhere.port}`]) {
    const page = await victim.newPage();
    await page.goto(origin);
    const results = await page.evaluate(attack, engine.url);
    expect(results, origin).toEqual({
      fetch: 'error: TypeError',
      'fetch, not read': expect.stringMatching(/^(opaque|error: TypeError)$/),
      'fetch with a preflight': 'error: TypeError',
      metrics: expect.stringMatching(/^(opaque|error: TypeError)$/),
      beacon: 'true',
      image: 'refused',
      script: 'refused',
      events: 'refused',
      websocket: 'refused',
      'scope websocket': 'refused',
      form: 'closed',
      frame: 'closed',
    });
    expect(await names(engine), `${origin} made or revoked tokens`).toEqual(before);
    await page.close();
  }
});

test('a listed page asks with a token of its own, and neither with its user\'s cookie nor from another name', async ({ engine, elsewhere, victim }) => {
  const listed = `http://dashboard.example:${elsewhere.port}`;
  const token = (await engine.command('token', 'new', 'dashboard', '--role', 'view')).split('\n').pop();
  await engine.down();
  await engine.up('--origin', listed);
  try {
    const ask = ([address, options]) => fetch(address, options).then((answer) => String(answer.status), (error) => error.name);
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    for (const [origin, withToken, without, method] of [[listed, '200', '401', '403'], [`http://evil.example:${elsewhere.port}`, 'TypeError', 'TypeError', 'TypeError']]) {
      const page = await victim.newPage();
      await page.goto(origin);
      const asked = (path, options) => page.evaluate(ask, [`${engine.url}${path}`, options]);
      expect(await asked('/api/topology', bearer), origin).toBe(withToken);
      expect(await asked('/apis', bearer), origin).toBe(withToken);
      expect(await asked('/api/topology', {}), origin).toBe(without);
      // A token that may look changes nothing, and the browser lets the page read why.
      expect(await asked('/api/tokens/noted', { ...bearer, method: 'DELETE' }), origin).toBe(method);
      expect(await asked('/api/topology', { credentials: 'include' }), `${origin} with its user's cookie`).toBe('TypeError');
      await page.close();
    }
  } finally {
    await engine.down();
    await engine.up();
  }
});

test('a name that was bound to this machine leads nowhere, though it is the same origin', async ({ engine, elsewhere, victim }) => {
  const { port } = new URL(engine.url);
  const page = await victim.newPage();
  const answer = await page.goto(`http://${NAME}:${port}/`);
  expect(answer.status()).toBe(403);
  expect(await page.content()).not.toContain('id="app"');
  // The page that was loaded before the name moved is the same origin as what it leads to by now.
  await page.route(`http://${NAME}:${port}/page`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><p>Good day' }));
  await page.goto(`http://${NAME}:${port}/page`);
  const before = await names(engine);
  const results = await page.evaluate(attack, `http://${NAME}:${port}`);
  for (const name of ['fetch', 'fetch, not read', 'fetch with a preflight', 'metrics']) expect(results[name], name).toMatch(/^403: .*/);
  for (const name of ['image', 'script', 'events', 'websocket', 'scope websocket']) expect(results[name], name).toBe('refused');
  expect(await names(engine)).toEqual(before);
  expect(elsewhere.asked).toEqual([]);
});

test('where the interface leads, nobody learns where it came from', async ({ engine, elsewhere, victim }) => {
  const page = await victim.newPage();
  await page.goto(`${engine.url}/?token=0123456789abcdef-wrong`);
  await page.evaluate((address) => {
    const link = document.createElement('a');
    link.href = address;
    document.body.append(link);
    link.click();
  }, `http://evil.example:${elsewhere.port}/`);
  await expect.poll(() => elsewhere.asked.length).toBeGreaterThan(0);
  for (const headers of elsewhere.asked) {
    // What that page asks for itself names that page.
    expect(headers.referer ?? '').not.toContain(new URL(engine.url).host);
    expect(headers.cookie).toBeUndefined();
  }
});
