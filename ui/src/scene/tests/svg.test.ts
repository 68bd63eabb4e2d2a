import { describe, expect, it } from 'vitest';

import { SceneModel } from '../model';
import { mapSvg, xmlText } from '../svg';
import { readTheme } from '../theme';
import { CPU, edge, group, node, reading } from './make';

const THEME = readTheme('dark', () => '#123456');

function drawn(name: string): Document {
  const model = new SceneModel();
  const nodes = [node('a', 0, 0, { label: name, label_minor: '<b>', group: 'host', ...reading(40) }), node('b', 112, 104, { stack: true })];
  model.replace(nodes, [edge('a', 'b')], [group('host', null, -60, -60, 300, 300)], [CPU]);
  model.setFill('CPU', nodes);
  const text = mapSvg(model, { theme: THEME, comparing: false, title: 'Processes & more' });
  return new DOMParser().parseFromString(text, 'image/svg+xml');
}

describe('the map as a drawing', () => {
  it('holds boxes, connections, nodes with their level, and labels', () => {
    const svg = drawn('shop-api');
    expect(svg.querySelector('parsererror')).toBeNull();
    expect(svg.querySelector('title')?.textContent).toBe('Processes & more');
    const texts = [...svg.querySelectorAll('text')].map((text) => text.textContent);
    expect(texts).toEqual(expect.arrayContaining(['host', 'shop-api', '<b>', 'b']));
    expect(svg.querySelectorAll('[clip-path]')).toHaveLength(1);
    // All of it lies in the frame, with room around it.
    const [x, y, width, height] = (svg.documentElement.getAttribute('viewBox') ?? '').split(' ').map(Number);
    expect(x).toBeLessThan(-60);
    expect(y).toBeLessThan(-60);
    expect((x ?? 0) + (width ?? 0)).toBeGreaterThan(240);
    expect((y ?? 0) + (height ?? 0)).toBeGreaterThan(240);
  });

  it('takes any name for text, and none for markup', () => {
    for (const name of ['<script>alert(1)</script>', '"&\'>]]>', '\u0000\u0007bell', '\ud800', 'naïve 名前 🚀']) {
      const svg = drawn(name);
      expect(svg.querySelector('parsererror'), name).toBeNull();
      expect(svg.querySelector('script')).toBeNull();
    }
    expect(xmlText('a<b>&"c"\u0001\ud800 🚀')).toBe('a&lt;b&gt;&amp;&quot;c&quot; 🚀');
  });
});
