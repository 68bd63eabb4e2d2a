// Pages of a folder in the place of those that are built into the engine, so that a change of them is tried at once.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The folder; undefined where the engine's own are shown. */
export const pages = process.env.ORRERY_TEST_UI;

/** Answers with pages of that folder; the engine answers the rest. */
export async function standIn(context) {
  await context.route(/^[^?#]*\/(assets\/[^?#]+)?([?#].*)?$/, async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = join(pages, pathname === '/' ? 'index.html' : pathname);
    await (existsSync(path) ? route.fulfill({ path }) : route.continue());
  });
}

/** What the browser has to be told for that. */
export const pageArguments = pages ? ['--disable-features=LocalNetworkAccessChecks'] : [];
