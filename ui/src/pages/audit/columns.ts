import { capital } from '../../format/plugin';
import type { ListColumn } from '../../lib/list';
import type { AuditEntry } from '../../state/audit.svelte';

const ORIGINS = { window: 'the window', http: 'HTTP', socket: 'a command', internal: 'Orrery itself' };

/** Where somebody did it: the way in, and the address. */
export function whereOf(entry: AuditEntry): string {
  return entry.from ? `${ORIGINS[entry.origin]}, ${entry.from}` : ORIGINS[entry.origin];
}

/** What the audit log says, and copies and saves. */
export const AUDIT_COLUMNS: ListColumn<AuditEntry>[] = [
  { id: 'time', label: 'Time', width: 104, number: false, text: (entry) => new Date(entry.at_ms).toISOString(), key: (entry) => entry.at_ms },
  { id: 'who', label: 'Who', width: 128, text: (entry) => entry.user },
  { id: 'role', label: 'Role', hidden: true, text: (entry) => entry.role },
  { id: 'what', label: 'What', text: (entry) => entry.what },
  { id: 'subject', label: 'Subject', hidden: true, text: (entry) => entry.subject },
  { id: 'detail', label: 'Detail', hidden: true, text: (entry) => entry.detail ?? '' },
  { id: 'where', label: 'From', width: 168, from: 720, text: whereOf },
  { id: 'way', label: 'Way', hidden: true, text: (entry) => entry.origin },
  { id: 'result', label: 'Result', width: 108, text: (entry) => entry.result },
  { id: 'message', label: 'Message', hidden: true, text: (entry) => entry.message ?? '' },
  { id: 'took', label: 'Took', width: 80, number: true, from: 560, text: (entry) => `${entry.took_ms}`, key: (entry) => entry.took_ms },
];

/** What became of it, in a word. */
export function resultOf(entry: AuditEntry): string {
  return capital(entry.result);
}
