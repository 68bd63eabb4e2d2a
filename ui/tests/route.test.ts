import { describe, expect, it } from 'vitest';

import { defaultPlace, formatPlace, parsePlace, type Place } from '../src/state/route';

function place(change: Partial<Place>): Place {
  return { ...defaultPlace(), ...change };
}

describe('address', () => {
  it('comes back as it went', () => {
    const cases: Partial<Place>[] = [
      {},
      { topology: 'containers-by-image' },
      { page: 'plugins', plugin: '/run/orrery/plugins/a b.sock', topology: 'hosts' },
      { page: 'activity' },
      { options: { containers: { system: 'all', namespace: 'a,b' }, pods: { pseudo: '' } } },
      { chips: ['kind:process and cpu > 5%', 'név/#?&=+ "quoted"'], find: 'a&b=c#d' },
      { group: [] },
      { group: ['namespace'] },
      { mode: 'table', sort: { column: 'metric:cpu', descending: true } },
      { sort: { column: 'name', descending: false } },
      { fill: '' },
      { fill: 'Memory' },
      { cards: [{ topology: 'containers', id: 'tern;a/b;<container>' }, { topology: 'hosts', id: 'tern;<host>' }] },
      { at: 1_700_000_000_000 },
    ];
    for (const change of cases) {
      const wanted = place(change);
      if (wanted.page !== 'plugins') wanted.plugin = '';
      expect(parsePlace(formatPlace(wanted))).toEqual(wanted);
    }
  });

  it('leaves defaults out', () => {
    expect(formatPlace(place({ topology: 'hosts' }))).toBe('#/view/hosts');
  });

  it('takes nonsense as the default', () => {
    for (const hash of ['', '#', '#nonsense', '#/view/%E0%A4%A', '#/view/?at=soon&sort=&card=x&o=a', '#!/state/{broken', '#!/state/null', '#!/state/%E0%A4%A']) {
      expect(parsePlace(hash)).toEqual(defaultPlace());
    }
  });

  it('opens links of Weave Scope', () => {
    const state = {
      topologyId: 'containers',
      topologyViewMode: 'grid',
      topologyOptions: { containers: { system: ['all'], stopped: ['both'] } },
      nodeDetails: [{ id: 'tern;12;<container>', topologyId: 'containers' }],
      selectedNodeId: 'tern;12;<container>',
      pinnedSearches: ['image:a<SLASH>b'],
      searchQuery: 'cpu > 5<PERCENT>',
      pinnedMetricType: 'Memory',
      gridSortedBy: 'label',
      gridSortedDesc: true,
      pausedAt: '2023-11-14T22:13:20.000Z',
    };
    const json = JSON.stringify(state);
    for (const hash of [`#!/state/${json}`, `#!/state/${encodeURIComponent(json)}`]) {
      expect(parsePlace(hash)).toEqual(
        place({
          topology: 'containers',
          mode: 'table',
          options: { containers: { system: 'all', stopped: 'both' } },
          cards: [{ topology: 'containers', id: 'tern;12;<container>' }],
          chips: ['image:a/b'],
          find: 'cpu > 5%',
          fill: 'Memory',
          sort: { column: 'label', descending: true },
          at: 1_700_000_000_000,
        }),
      );
    }
  });
});
