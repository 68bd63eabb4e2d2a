// A WebDriver client in as many lines as these tests need: plain fetch against WebKitWebDriver.

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

export class Driver {
  constructor(base, session) {
    this.base = base;
    this.session = session;
  }

  /** Opens a session; starting the window takes a while on a busy machine. */
  static async open(base, binary, args) {
    const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args } } };
    const response = await send('POST', `${base}/session`, { capabilities }, 90_000);
    return new Driver(base, response.sessionId);
  }

  command(method, path, body) {
    return send(method, `${this.base}/session/${this.session}${path}`, body, 40_000);
  }

  close() {
    return this.command('DELETE', '');
  }

  async find(selector) {
    const found = await this.command('POST', '/elements', { using: 'css selector', value: selector });
    return found.map((f) => f[ELEMENT]);
  }

  /** Waits until a selector matches; the error says what was waited for. */
  async wait(selector, timeout = 20_000) {
    return this.until(`${selector} to appear`, async () => (await this.find(selector))[0], timeout);
  }

  /** Waits until `probe` gives something truthy, and gives it. */
  async until(what, probe, timeout = 20_000) {
    const end = Date.now() + timeout;
    let last;
    for (;;) {
      try {
        const value = await probe();
        if (value) return value;
      } catch (error) {
        last = error;
      }
      if (Date.now() > end) throw new Error(`waited ${timeout} ms for ${what}${last ? `: ${last.message}` : ''}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Clicks with the pointer, as a person does. */
  async click(selector, timeout) {
    await this.until(`${selector} to take a click`, async () => {
      const [element] = await this.find(selector);
      // A click on what is switched off at the moment goes nowhere.
      if (!element || !(await this.command('GET', `/element/${element}/enabled`))) return false;
      await this.command('POST', `/element/${element}/click`, {});
      return true;
    }, timeout);
  }

  async text(selector) {
    await this.wait(selector);
    return this.run('return document.querySelector(arguments[0])?.innerText ?? ""', selector);
  }

  async type(selector, text) {
    const element = await this.wait(selector);
    await this.command('POST', `/element/${element}/value`, { text });
  }

  /** Replaces what a field holds. */
  async fill(selector, text) {
    await this.wait(selector);
    // Clearing by the driver tells a field nothing of it; this is what typing does.
    await this.run(`const field = document.querySelector(arguments[0]); field.focus(); field.value = ''; field.dispatchEvent(new Event('input', { bubbles: true }))`, selector);
    if (text !== '') await this.type(selector, text);
  }

  run(script, ...args) {
    return this.command('POST', '/execute/sync', { script, args });
  }

  async screenshot() {
    return Buffer.from(await this.command('GET', '/screenshot'), 'base64');
  }
}

async function send(method, url, body, timeout) {
  const response = await fetch(url, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(timeout),
  });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${method} ${url}: ${value.error}: ${value.message}`);
  return value;
}
