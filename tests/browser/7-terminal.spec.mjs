// A terminal in the browser, under the content security policy: its style sheets are not inline.

import { RemoteProbe } from '../desktop/lib/remote-probe.mjs';
import { expect, test } from './lib/test.mjs';

const card = `#/view/hosts?card=${encodeURIComponent('hosts/farhost;<host>')}`;

test('a shell opens, looks as it should, and says what was typed', async ({ come, engine, allowed }) => {
  // Whether the pipe is still there is asked when its link ends.
  allowed.push(/404.*\/check$/);
  const probe = new RemoteProbe(new URL(engine.url).host, await engine.command('token'));
  try {
    await probe.start();
    const page = await come(card);
    await page.getByTestId('control-host_exec').click();
    const terminal = page.getByTestId('terminal');
    await expect(terminal).toContainText('welcome to farhost');
    await terminal.locator('textarea').pressSequentially('echo $((6 * 7))\n');
    await expect(terminal).toContainText('42');
    // The theme and the measures of the cells come from sheets that xterm.js makes while it runs.
    const rows = terminal.locator('.xterm-rows');
    const looks = await rows.evaluate((element) => {
      const style = getComputedStyle(element);
      const cell = element.querySelector('span');
      return { colour: style.color, font: style.fontFamily, cell: cell && getComputedStyle(cell).display, styles: document.querySelectorAll('style').length };
    });
    expect(looks.colour).toBe(await page.evaluate(() => {
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = 'var(--t1)';
      const { color } = getComputedStyle(probe);
      probe.remove();
      return color;
    }));
    expect(looks.font).toContain('JetBrains Mono');
    expect(looks.cell).toBe('inline-block');
    expect(looks.styles, 'no style stands in the page').toBe(0);
    await terminal.locator('textarea').pressSequentially('exit\n');
    await expect(page.getByTestId('terminal-link')).toContainText('closed');
    await page.getByTestId('terminal-close-ended').click();
    await expect(terminal).toHaveCount(0);
    expect(await page.evaluate(() => document.adoptedStyleSheets.length), 'sheets go with their terminal').toBe(0);
  } finally {
    probe.stop();
  }
});
