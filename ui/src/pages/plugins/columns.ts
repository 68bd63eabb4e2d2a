import { HEALTH_WORDS } from '../../format/plugin';
import type { ListColumn } from '../../lib/list';
import { isTroubled, type PluginEntry } from '../../state/plugin-entry';

const HEALTH = ['failing', 'degraded', 'unknown', 'ok'];

function healthRank(entry: PluginEntry): number {
  if (entry.managed) return HEALTH.indexOf(entry.managed.instance.health.state);
  return entry.state.tone === 'error' ? 0 : HEALTH.indexOf('ok');
}

/** A figure as text; empty where there is none. */
function figure(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}

/** A row that shows how far an order is has its bar in place of what is measured. */
export function isBusy(entry: PluginEntry): boolean {
  return entry.operation !== null && entry.state.tone === 'busy' && entry.operation.steps.length > 1;
}

/** What the list of plugins says, and copies and saves. */
export const PLUGIN_COLUMNS: ListColumn<PluginEntry>[] = [
  { id: 'name', label: 'Plugin', text: (entry) => entry.label },
  { id: 'id', label: 'Id', hidden: true, text: (entry) => entry.id },
  { id: 'version', label: 'Version', hidden: true, text: (entry) => entry.managed?.current?.version ?? '' },
  { id: 'state', label: 'State', width: 124, narrow: 112, text: (entry) => entry.state.word, key: (entry) => entry.state.rank },
  {
    id: 'health',
    label: 'Health',
    width: 100,
    narrow: 76,
    text: (entry) => (entry.managed ? HEALTH_WORDS[entry.managed.instance.health.state] : isTroubled(entry) ? 'Failed' : 'Ok'),
    key: healthRank,
    covers: (entry) => (isBusy(entry) ? ['cpu', 'memory', 'restarts'] : []),
  },
  { id: 'cpu', label: 'CPU', width: 132, narrow: 68, text: (entry) => figure(entry.managed?.instance.usage?.cpu_percent), key: (entry) => entry.managed?.instance.usage?.cpu_percent ?? null },
  { id: 'memory', label: 'Memory', width: 146, narrow: 84, text: (entry) => figure(entry.managed?.instance.usage?.memory_bytes), key: (entry) => entry.managed?.instance.usage?.memory_bytes ?? null },
  { id: 'restarts', label: 'Restarts', width: 72, narrow: 68, number: true, text: (entry) => figure(entry.managed?.instance.restarts), key: (entry) => entry.managed?.instance.restarts ?? null },
  { id: 'last', label: 'Last report', width: 96, narrow: 88, number: true, text: (entry) => (entry.socket?.last_report_ms ? new Date(entry.socket.last_report_ms).toISOString() : ''), key: (entry) => entry.socket?.last_report_ms ?? null },
  { id: 'socket', label: 'Socket', hidden: true, text: (entry) => entry.socket?.path ?? '' },
  { id: 'about', label: 'Description', hidden: true, text: (entry) => entry.description },
  { id: 'why', label: 'Why', hidden: true, text: (entry) => entry.reason || entry.note },
];

/** A line under a plugin's row: what is wrong, or to be known; empty where there is nothing. */
export function lineOf(entry: PluginEntry): string {
  const failure = entry.managed?.pending?.failure;
  const upgrade = entry.managed?.pending && failure ? `${entry.managed.pending.revision.version} was not taken` : '';
  return isTroubled(entry) || entry.state.tone === 'warn' ? entry.reason : upgrade || entry.note;
}
