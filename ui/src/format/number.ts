/** Between a number and its unit: a quarter of an em, in every face. */
export const GAP = '\u2005';
/** Between thousands: a thin space. */
const THOUSANDS = '\u2009';
/** Shown where there is no value; zero is `0`. */
export const ABSENT = '–';

const MEMORY_STEP = 1024;
const TRAFFIC_STEP = 1000;
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
const MEGA = 2;

/** Three significant digits at most, and one decimal at most. */
function short(value: number, wholeFrom = 100): string {
  return Math.abs(value) < wholeFrom ? value.toFixed(1) : value.toFixed(0);
}

function scaledBytes(bytes: number, step: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  // 999.5 of a unit would be shown as four digits.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= step;
    unit += 1;
  }
  const sign = bytes < 0 ? '−' : '';
  const text = unit === 0 ? value.toFixed(0) : short(value, unit < MEGA ? 9.95 : 99.95);
  return `${sign}${text}${GAP}${BYTE_UNITS[unit]}`;
}

/** Thousands apart: `20 881`. */
export function count(value: number): string {
  const [whole = '0', fraction] = String(value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, THOUSANDS);
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Memory and files, in powers of 1024 and still labelled MB, as every tool does. */
export function fileSize(bytes: number): string {
  return scaledBytes(bytes, MEMORY_STEP);
}

/** A size that stands still, such as a limit: `1 GB` rather than `1.0 GB`. */
export function tidySize(bytes: number): string {
  return fileSize(bytes).replace(/\.0(?=\D)/, '');
}

/** Traffic, in powers of 1000. */
export function byteRate(bytesPerSecond: number): string {
  return `${scaledBytes(bytesPerSecond, TRAFFIC_STEP)}/s`;
}

export function percent(value: number): string {
  return `${Math.abs(value) >= 999.5 ? count(Math.round(value)) : value.toFixed(1)}${GAP}%`;
}

/** Plain numbers: whole ones whole, others with three significant digits. */
export function plain(value: number): string {
  if (Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  if (size >= 99.95) return count(Math.round(value));
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.01) return value.toFixed(2);
  return value === 0 ? '0' : value.toPrecision(1);
}

/** The largest units that matter: `2 d 4 h`, `12 min`, `640 ms`. */
export function duration(seconds: number): string {
  const size = Math.abs(seconds);
  if (size > 0 && size < 0.001) return `${Math.round(size * 1_000_000)}${GAP}µs`;
  if (size < 1) return `${Math.round(size * 1000)}${GAP}ms`;
  if (size < 60) return `${Math.floor(size)}${GAP}s`;
  if (size < 3600) return pair(size, 60, 'min', 1, 's', 10);
  if (size < 86_400) return pair(size, 3600, 'h', 60, 'min', 10);
  return pair(size, 86_400, 'd', 3600, 'h', 10);
}

function pair(size: number, big: number, bigUnit: string, small: number, smallUnit: string, pairBelow: number): string {
  const whole = Math.floor(size / big);
  const rest = Math.floor((size % big) / small);
  const head = `${count(whole)}${GAP}${bigUnit}`;
  return whole < pairBelow && rest > 0 ? `${head} ${rest}${GAP}${smallUnit}` : head;
}

/** A reading in its metric's format. `hint` is the metric's id or label: rates are traffic, not memory. */
export function metricValue(value: number | null | undefined, format: string, hint = ''): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  switch (format) {
    case 'percent':
      return percent(value);
    case 'filesize':
      return isRate(hint) ? byteRate(value) : fileSize(value);
    case 'integer':
      return count(Math.round(value));
    case 'duration':
      return duration(value);
    default:
      return isRate(hint) ? `${plain(value)}/s` : plain(value);
  }
}

function isRate(hint: string): boolean {
  return /(per_s(ec(ond)?)?$|\/s$|_rate$)/i.test(hint);
}

/** The value without anything left out, for tooltips. */
export function exactValue(value: number, format: string): string {
  return format === 'filesize' ? `${count(Math.round(value))}${GAP}B` : String(value);
}

/** A noun with its count: `1 process`, `3 processes`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
