/** Ticks of a time axis: on round local times, as many as have room. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 365 * DAY,
] as const;

/** More ticks than this are never made. */
const MOST_TICKS = 60;

/** Space that a label and the gap to the next take, in CSS px. */
export const LABEL_SPACE_PX = 88;

/** The least round step whose labels have room. */
export function tickStep(spanMs: number, widthPx: number, spacePx = LABEL_SPACE_PX): number {
  const least = (spanMs * spacePx) / Math.max(1, widthPx);
  return STEPS.find((step) => step >= least) ?? 365 * DAY;
}

/** Times of the ticks within the bounds, aligned to local time. */
export function ticks(from: number, to: number, stepMs: number): number[] {
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const found: number[] = [];
  let at = Math.ceil((from - offset) / stepMs) * stepMs + offset;
  for (; at <= to && found.length < MOST_TICKS; at += stepMs) found.push(at);
  return found;
}

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const minuteFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const secondFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

/** A tick's label: a clock, with seconds where steps are seconds, or a day where steps are days. */
export function tickLabel(ms: number, stepMs: number): string {
  if (stepMs >= DAY) return dayFormat.format(ms);
  const date = new Date(ms);
  if (date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0 && stepMs >= HOUR) return dayFormat.format(ms);
  return stepMs < MINUTE ? secondFormat.format(ms) : minuteFormat.format(ms);
}
