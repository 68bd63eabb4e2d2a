import { count, duration, GAP } from './number';
import { ago, exactMoment } from './time';

/** A fact as shown, with the whole of it for the tooltip. */
export interface Fact {
  text: string;
  title: string;
}

/**
 * A value by its data type: `number`, `ip`, `datetime`, `duration`, `link` or empty. A number that names something is
 * shown as it is typed.
 */
export function fact(value: string, dataType: string, now: number, truncate = 0, isName = false): Fact {
  switch (dataType) {
    case 'number': {
      const number = Number(value);
      return value.trim() !== '' && Number.isFinite(number) && !isName ? { text: count(number), title: value } : plain(value, truncate);
    }
    case 'duration': {
      const seconds = Number(value);
      return value.trim() !== '' && Number.isFinite(seconds) ? { text: duration(seconds), title: `${value}${GAP}s` } : plain(value, truncate);
    }
    case 'datetime': {
      const ms = Date.parse(value);
      return Number.isFinite(ms) ? { text: ago(ms, now), title: exactMoment(ms) } : plain(value, truncate);
    }
    default:
      return plain(value, truncate);
  }
}

function plain(value: string, truncate: number): Fact {
  const text = truncate > 0 && value.length > truncate ? `${value.slice(0, truncate)}…` : value;
  return { text, title: value };
}

/** True for numbers that name something, such as a process id or a port: nobody counts them. */
export function isNameNumber(id: string, label: string): boolean {
  return /\bp?pid\b|_pid$|\bport\b|_port$|\b[ug]id\b/i.test(`${id} ${label}`);
}

/** The words over a fact: `# Threads`, as old plugins have it, is Threads. */
export function factLabel(label: string): string {
  return label.replace(/^#\s*/, '');
}

/** True for what may be typed or pasted: commands, paths, addresses, ports, ids. */
export function isTypable(id: string, label: string, dataType: string): boolean {
  return dataType === 'ip' || /cmd|command|path|port|\bips?\b|_ips?\b|address|\bid\b|_id$|digest|socket|cwd|executable|kernel/i.test(`${id} ${label}`);
}

/** IP addresses and numbers in their own order, everything else by letter. */
export function sortKey(value: string, dataType: string): string | number {
  if (dataType === 'number' || dataType === 'duration' || dataType === 'percent' || dataType === 'filesize') {
    const number = Number.parseFloat(value);
    return Number.isFinite(number) ? number : Number.NEGATIVE_INFINITY;
  }
  if (dataType === 'datetime') {
    const ms = Date.parse(value);
    return Number.isFinite(ms) ? ms : Number.NEGATIVE_INFINITY;
  }
  if (dataType === 'ip') return value.replace(/\d+/g, (digits) => digits.padStart(3, '0'));
  return value.toLowerCase();
}
