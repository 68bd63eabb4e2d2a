/**
 * Font Awesome names, as plugins report them for controls, resolved to something that can be drawn.
 * Plugins of Weave Scope's day use version 4 names (`fa-clock-o`); Font Awesome's own table tells what they
 * are called since. The table and the glyphs are a chunk of their own, fetched when a control needs them.
 */

import type { IconName } from './paths';

/** A glyph of Font Awesome: its box and path. */
export interface Glyph {
  readonly width: number;
  readonly height: number;
  readonly d: string;
}

/** A name taken apart: without `fa-`, and the style asked for. */
export interface FaName {
  readonly name: string;
  readonly regular: boolean;
}

/** Words of a class attribute that say how, not what. */
const MODIFIER = /^(fw|lg|xs|sm|xl|\d+x|2xs|2xl|spin|pulse|li|border|inverse|stack(-\dx)?|flip-.*|rotate-.*|pull-.*|solid|regular|brands|light|thin)$/;

/** Takes apart `fa fa-clock-o`, `far fa-clock` or `clock`. Null when no name is in it. */
export function parseFaName(text: string): FaName | null {
  const words = text.trim().toLowerCase().split(/\s+/);
  const regular = words.some((word) => word === 'far' || word === 'fa-regular');
  for (const word of words) {
    if (/^fa[srlbdt]?$/.test(word)) continue;
    const name = word.replace(/^fa-/, '');
    if (/^[a-z0-9-]+$/.test(name) && !MODIFIER.test(name)) return { name, regular };
  }
  return null;
}

/** What the interface has an icon of its own for: verbs that every container and process control uses. */
const OWN: Readonly<Record<string, IconName>> = {
  play: 'play',
  stop: 'stop',
  pause: 'pause',
  repeat: 'retry',
  refresh: 'retry',
  rotate: 'retry',
  'rotate-right': 'retry',
  redo: 'retry',
  terminal: 'terminal',
  desktop: 'window',
  trash: 'remove',
  'trash-o': 'remove',
  'file-text': 'list',
  'file-text-o': 'list',
  'file-lines': 'list',
  'align-left': 'list',
  list: 'list',
  'clock-o': 'clock',
  clock: 'clock',
  cog: 'gear',
  gear: 'gear',
  lock: 'lock',
  unlock: 'unlock',
  plus: 'plus',
  minus: 'minus',
  times: 'close',
  xmark: 'close',
  close: 'close',
  remove: 'close',
  check: 'check',
};

/** The interface's own icon for a name, if it has one. */
export function ownIcon(name: FaName | null): IconName | null {
  return name && Object.hasOwn(OWN, name.name) ? (OWN[name.name] ?? null) : null;
}

/** The glyph of a name; null for one that Font Awesome never had. */
export async function faGlyph(name: FaName): Promise<Glyph | null> {
  const { lookUp } = await import('./fa-glyphs');
  return lookUp(name);
}
