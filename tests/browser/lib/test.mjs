// Tests get an engine of their worker's, and pages that are watched: whatever the console, a script or the content
// security policy complains of fails the test that it happened in.

import { expect, test as base } from '@playwright/test';
import { Engine } from './engine.mjs';
import { pages, standIn } from './pages.mjs';

export { expect };

/** Notes what a page complains of. */
async function watch(page, complaints) {
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(`script: ${error.message}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI}`);
    });
  });
}

export const test = base.extend({
  engine: [
    async ({}, use) => {
      const engine = await Engine.start();
      await use(engine);
      await engine.close();
    },
    { scope: 'worker', timeout: 180_000 },
  ],

  /** What may be complained of in a test, as patterns. */
  allowed: async ({}, use) => {
    await use([]);
  },

  /** Opens a watched page in a browser of its own, which has not come in. */
  stranger: async ({ browser, engine, allowed }, use) => {
    const complaints = [];
    const contexts = [];
    await use(async () => {
      const context = await browser.newContext({ baseURL: engine.url, acceptDownloads: true });
      contexts.push(context);
      if (pages) await standIn(context);
      const page = await context.newPage();
      await watch(page, complaints);
      return page;
    });
    for (const context of contexts) await context.close();
    expect(complaints.filter((text) => !allowed.some((pattern) => pattern.test(text)))).toEqual([]);
  },

  /** Opens a watched page for the holder of a token, the owner's when none is given. */
  come: async ({ stranger, engine }, use) => {
    await use(async (hash = '', token = undefined) => {
      const page = await stranger();
      const shown = token ?? (await engine.command('token'));
      const answer = await page.context().request.post('/api/session', { headers: { Authorization: `Bearer ${shown}` } });
      expect(answer.ok()).toBe(true);
      await page.goto(`/${hash}`);
      return page;
    });
  },
});

/** Chooses from a pill by its shown words. */
export async function choose(page, testid, words) {
  await page.getByTestId(testid).click();
  await page.getByRole('option', { name: words }).click();
}

/** Goes to an element with Tab alone, as who has no pointer does. */
export async function tabTo(page, testid) {
  const MOST = 120;
  for (let step = 0; step < MOST; step += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement?.getAttribute('data-testid') === wanted, testid)) return;
  }
  throw new Error(`${MOST} times Tab do not lead to ${testid}`);
}
