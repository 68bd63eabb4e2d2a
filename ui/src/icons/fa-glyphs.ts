/** Font Awesome Free's glyphs and its table of version 4 names. Large: only ever imported on demand. */

import shims from '@fortawesome/fontawesome-free/metadata/shims.yml?raw';
import * as regular from '@fortawesome/free-regular-svg-icons';
import * as solid from '@fortawesome/free-solid-svg-icons';
import type { FaName, Glyph } from './fa';

interface Shim {
  readonly name: string;
  readonly regular: boolean;
}

const V4 = parseShims(shims);
const PACKS = { solid: solid as Readonly<Record<string, unknown>>, regular: regular as Readonly<Record<string, unknown>> };

/** The glyph of a name of any version since 4. */
export function lookUp({ name, regular: wantsRegular }: FaName): Glyph | null {
  const shim = V4.get(name);
  const wanted = shim?.name ?? name;
  const outlined = wantsRegular || (shim?.regular ?? false);
  const [first, second] = outlined ? [PACKS.regular, PACKS.solid] : [PACKS.solid, PACKS.regular];
  // Names with -o that the table leaves out were the outlined form of the plain name.
  const plain = wanted.replace(/-o$/, '');
  return glyph(first, wanted) ?? glyph(second, wanted) ?? (plain === wanted ? null : (glyph(PACKS.regular, plain) ?? glyph(PACKS.solid, plain)));
}

function glyph(pack: Readonly<Record<string, unknown>>, name: string): Glyph | null {
  const key = `fa${name.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())}`;
  const found = Object.hasOwn(pack, key) ? pack[key] : null;
  if (!isDefinition(found)) return null;
  const [width, height, , , d] = found.icon;
  return { width, height, d: typeof d === 'string' ? d : d.join('') };
}

function isDefinition(value: unknown): value is { icon: [number, number, unknown, unknown, string | string[]] } {
  return typeof value === 'object' && value !== null && 'icon' in value && Array.isArray(value.icon) && value.icon.length >= 5;
}

/** Reads the table: names at the margin, `prefix` and `name` indented under them. */
export function parseShims(text: string): Map<string, Shim> {
  const table = new Map<string, Shim>();
  let key = '';
  for (const line of text.split('\n')) {
    const top = /^['"]?([\w-]+)['"]?:\s*$/.exec(line);
    if (top?.[1]) {
      key = top[1];
      table.set(key, { name: key, regular: false });
      continue;
    }
    const [, field, value] = /^\s+(name|prefix):\s*['"]?([\w-]+)/.exec(line) ?? [];
    const entry = table.get(key);
    if (!entry || !value) continue;
    table.set(key, field === 'name' ? { ...entry, name: value } : { ...entry, regular: value === 'far' });
  }
  return table;
}
