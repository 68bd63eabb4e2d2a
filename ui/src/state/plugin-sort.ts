import type { PluginEntry } from './plugin-entry';

/** Columns of the list of plugins. */
export type SortColumn = 'name' | 'state' | 'health' | 'cpu' | 'memory' | 'restarts' | 'last';

export interface PluginSort {
  column: SortColumn;
  descending: boolean;
}

/** Figures begin with the greatest, words and ranks with the first. */
export function firstDescending(column: SortColumn): boolean {
  return column === 'cpu' || column === 'memory' || column === 'restarts' || column === 'last';
}

const HEALTH = ['failing', 'degraded', 'unknown', 'ok'];

function keyOf(entry: PluginEntry, column: SortColumn): string | number | null {
  const instance = entry.managed?.instance;
  switch (column) {
    case 'name':
      return entry.label.toLowerCase();
    case 'state':
      return entry.state.rank;
    case 'health':
      return instance ? HEALTH.indexOf(instance.health.state) : entry.state.tone === 'error' ? 0 : HEALTH.indexOf('ok');
    case 'cpu':
      return instance?.usage?.cpu_percent ?? null;
    case 'memory':
      return instance?.usage?.memory_bytes ?? null;
    case 'restarts':
      return instance?.restarts ?? null;
    case 'last':
      return entry.socket?.last_report_ms ?? null;
  }
}

/** Entries by a column; what has no value comes last, whichever way. Null keeps the order of health. */
export function sorted(entries: readonly PluginEntry[], sort: PluginSort | null): PluginEntry[] {
  if (!sort) return [...entries];
  const sign = sort.descending ? -1 : 1;
  const keyed = entries.map((entry) => ({ entry, key: keyOf(entry, sort.column) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    if (a.key !== b.key) return a.key < b.key ? -sign : sign;
    return a.entry.label.localeCompare(b.entry.label);
  });
  return keyed.map(({ entry }) => entry);
}
