import { count, GAP } from './number';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const shortClockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** `14:08:24` */
export function clock(ms: number): string {
  return clockFormat.format(ms);
}

/** `14:08` */
export function shortClock(ms: number): string {
  return shortClockFormat.format(ms);
}

/** `14:08:24` today, `20 Nov 14:08` on other days. */
export function moment(ms: number, now: number): string {
  const sameDay = new Date(ms).toDateString() === new Date(now).toDateString();
  return sameDay ? clock(ms) : `${dayFormat.format(ms)} ${shortClock(ms)}`;
}

/** The full moment with its zone, for tooltips. */
export function exactMoment(ms: number): string {
  const date = new Date(ms);
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '−' : '+';
  const zone = `${sign}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(ms)} ${zone}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** One unit, whole: `4 s`, `12 min`, `2 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < MINUTE) return `${seconds}${GAP}s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}${GAP}min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}${GAP}h`;
  return `${count(Math.floor(seconds / DAY))}${GAP}d`;
}

/** `12 min ago` */
export function ago(ms: number, now: number): string {
  return now - ms < 1000 ? 'now' : `${span(now - ms)} ago`;
}

/** Two units where the first is small: `4 min 12 s`. */
export function longSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < MINUTE || seconds >= DAY) return span(ms);
  const [big, small, bigUnit, smallUnit] = seconds < HOUR ? [MINUTE, 1, 'min', 's'] : [HOUR, MINUTE, 'h', 'min'];
  const rest = Math.floor((seconds % Number(big)) / Number(small));
  const head = `${Math.floor(seconds / Number(big))}${GAP}${bigUnit}`;
  return rest === 0 ? head : `${head} ${rest}${GAP}${smallUnit}`;
}
