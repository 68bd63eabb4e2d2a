import type { TopologyOption } from '../generated/TopologyOption';

const NAMES: Record<string, string> = {
  stopped: 'State',
};

/** Values whose key is the word to show where there is little room. */
const PLAIN_WORDS = new Set(['all', 'system', 'application', 'stopped', 'running', 'both', 'show', 'hide']);

/** What an option is about; of one that shows or hides, the words of its own value: `Background processes`. */
export function optionName(option: TopologyOption): string {
  const shown = option.values.find((value) => value.value === 'show')?.label.match(/^Show (?:the )?(.+)$/)?.[1];
  if (shown) return shown.charAt(0).toUpperCase() + shown.slice(1);
  return NAMES[option.id] ?? option.id.charAt(0).toUpperCase() + option.id.slice(1).replaceAll(/[_-]+/g, ' ');
}

/** The chosen value in one or two words. */
export function shortValue(value: string, label: string): string {
  return PLAIN_WORDS.has(value) ? value : label;
}

/** Chosen values of a union; empty is "none chosen". */
export function unionValues(value: string): string[] {
  return value.split(',').filter(Boolean);
}
