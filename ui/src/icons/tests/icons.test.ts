import shims from '@fortawesome/fontawesome-free/metadata/shims.yml?raw';
import { describe, expect, it } from 'vitest';
import { faGlyph, ownIcon, parseFaName } from '../fa';
import { lookUp, parseShims } from '../fa-glyphs';
import { ICONS, iconPath } from '../paths';

describe('Font Awesome names', () => {
  it.each([
    ['fa-clock-o', 'clock-o', false],
    ['fa fa-futbol-o', 'futbol-o', false],
    ['far fa-clock', 'clock', true],
    ['fa-solid fa-fw fa-2x fa-beer', 'beer', false],
    ['beer', 'beer', false],
    ['fa-hourglass-1', 'hourglass-1', false],
  ])('%s', (text, name, regular) => {
    expect(parseFaName(text)).toEqual({ name, regular });
  });

  it.each(['', '   ', 'fa', 'fa fa-fw', 'fa-<script>'])('none in %j', (text) => {
    expect(parseFaName(text)).toBeNull();
  });

  // What plugins of version 4's day report, and the glyph that it became.
  it.each([
    ['fa-futbol-o', 'faFutbol', 'regular'],
    ['fa-clock-o', 'faClock', 'regular'],
    ['fa-gears', 'faGears', 'solid'],
    ['fa-hourglass-1', 'faHourglassStart', 'solid'],
    ['fa-hourglass-2', 'faHourglassHalf', 'solid'],
    ['fa-hourglass-3', 'faHourglassEnd', 'solid'],
    ['fa-times-circle', 'faCircleXmark', 'solid'],
    ['fa-cut', 'faScissors', 'solid'],
    ['fa-beer', 'faBeerMugEmpty', 'solid'],
    ['fa-file-text-o', 'faFileLines', 'regular'],
    ['fa-bar-chart-o', 'faChartColumn', 'solid'],
    ['fa-trash-can', 'faTrashCan', 'solid'],
  ] as const)('%s is %s', async (text, key, style) => {
    const pack = style === 'solid' ? await import('@fortawesome/free-solid-svg-icons') : await import('@fortawesome/free-regular-svg-icons');
    const wanted = (pack as unknown as Record<string, { icon: [number, number, unknown, unknown, string] }>)[key]?.icon;
    const name = parseFaName(text);
    expect(name).not.toBeNull();
    const glyph = name && (await faGlyph(name));
    expect(glyph).toEqual({ width: wanted?.[0], height: wanted?.[1], d: wanted?.[4] });
  });

  it('knows every name of the version 4 table but brands', () => {
    const table = parseShims(shims);
    expect(table.size).toBeGreaterThan(200);
    const brands = new Set([...shims.matchAll(/^['"]?([\w-]+)['"]?:\n(?: {2}name:.*\n)? {2}prefix: fab/gm)].map((match) => match[1]));
    const missing = [...table.keys()].filter((name) => !brands.has(name) && lookUp({ name, regular: false }) === null);
    expect(missing).toEqual([]);
  });

  it('gives nothing for a name that never was', async () => {
    expect(await faGlyph({ name: 'no-such-thing', regular: false })).toBeNull();
    expect(lookUp({ name: 'constructor', regular: false })).toBeNull();
  });

  it('draws common verbs with icons of its own', () => {
    expect(ownIcon(parseFaName('fa fa-repeat'))).toBe('retry');
    expect(ownIcon(parseFaName('fa-trash-o'))).toBe('remove');
    expect(ownIcon(parseFaName('fa-beer'))).toBeNull();
    expect(ownIcon({ name: 'toString', regular: false })).toBeNull();
  });
});

describe('icons', () => {
  it('are drawn with path data alone', () => {
    for (const { d } of Object.values(ICONS)) expect(d).toMatch(/^M[\dA-Za-z .,-]+$/);
  });

  it('have a plain form for names that are not known', () => {
    expect(iconPath('constructor')).toBe(ICONS.circle);
  });

  it('exist for every name that the interface asks for', () => {
    const sources = import.meta.glob<string>('/src/**/*.svelte', { query: '?raw', import: 'default', eager: true });
    expect(Object.keys(sources).length).toBeGreaterThan(20);
    const missing: string[] = [];
    for (const [file, text] of Object.entries(sources)) {
      for (const [, a, b] of text.matchAll(/<Icon name="([\w-]+)"|\bicon="([\w-]+)"/g)) {
        const name = a ?? b ?? '';
        if (!Object.hasOwn(ICONS, name)) missing.push(`${file}: ${name}`);
      }
    }
    expect(missing).toEqual([]);
  });
});
