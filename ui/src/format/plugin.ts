import type { PluginInfo } from '../generated/PluginInfo';
import type { PluginState } from '../generated/PluginState';

/** The state in the words of the list. */
export const STATE_WORDS: Record<PluginState, string> = {
  ok: 'Running',
  connecting: 'Connecting',
  failing: 'Failing',
  rejected: 'Rejected',
  conflict: 'Conflict',
};

/** Worst first. */
export const STATE_ORDER: PluginState[] = ['failing', 'conflict', 'rejected', 'connecting', 'ok'];

/** The status without Scope's prefix, as a sentence. */
export function statusReason(plugin: PluginInfo): string {
  const text = plugin.status.replace(/^error:\s*/, '').trim();
  if (text === '' || text === 'ok') return '';
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
