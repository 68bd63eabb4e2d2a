/** Lists as every page has them: columns that know their text, an order, words that filter, and what is copied and saved. */

/** A column of a list of `T`. */
export interface ListColumn<T> {
  id: string;
  label: string;
  /** In CSS px; the column without one takes what is left. */
  width?: number;
  /** Least width of the column that takes what is left. */
  least?: number;
  /** Its width where the list is narrow. */
  narrow?: number;
  /** Left out where the list is narrower than this, in CSS px. */
  from?: number;
  /** Stands right, as figures do. */
  number?: boolean;
  /** Never shown, yet copied, saved and found. */
  hidden?: boolean;
  /** What the cell says as text that could be typed back; empty where there is nothing. */
  text: (item: T) => string;
  /** What it is ordered by where that is not the text; null comes last, whichever way. */
  key?: (item: T) => string | number | null;
  /** Has no order. */
  fixed?: boolean;
  /** Ids of the columns after it that its cell takes over. */
  covers?: (item: T) => readonly string[];
}

/** The column that a list is ordered by. */
export interface Order {
  column: string;
  descending: boolean;
}

/** From this width in CSS px a list has its full columns. */
export const NARROW_BELOW = 780;

/** Columns that there is room for. */
export function columnsFor<T>(columns: readonly ListColumn<T>[], width: number): ListColumn<T>[] {
  return columns.filter((column) => !column.hidden && (width === 0 || column.from === undefined || width >= column.from));
}

/** Figures begin with the greatest, words with A. */
function firstDescending<T>(column: ListColumn<T>): boolean {
  return column.number === true;
}

/** One way, then the other way, then the list's own order again. */
export function nextOrder<T>(order: Order | null, column: ListColumn<T>): Order | null {
  const first = firstDescending(column);
  if (order?.column !== column.id) return { column: column.id, descending: first };
  return order.descending === first ? { column: column.id, descending: !first } : null;
}

/** Items by a column; null keeps the order that they came in. */
export function ordered<T>(items: readonly T[], columns: readonly ListColumn<T>[], order: Order | null): T[] {
  const by = order && columns.find((column) => column.id === order.column && !column.fixed);
  if (!order || !by) return [...items];
  const read = by.key ?? ((item: T) => by.text(item).toLowerCase() || null);
  const sign = order.descending ? -1 : 1;
  const keyed = items.map((item) => ({ item, key: read(item) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    if (a.key === b.key) return 0;
    return a.key < b.key ? -sign : sign;
  });
  return keyed.map(({ item }) => item);
}

/** True where an item's text holds every word. */
export function holds(text: string, words: string): boolean {
  const low = text.toLowerCase();
  return words.toLowerCase().split(/\s+/).filter(Boolean).every((word) => low.includes(word));
}

/** The whole of a list as text, header first. */
export function rowsOf<T>(items: readonly T[], columns: readonly ListColumn<T>[]): string[][] {
  return [columns.map((column) => column.label), ...items.map((item) => columns.map((column) => column.text(item)))];
}

/** Fields with commas, quotes or line breaks in quotes, as RFC 4180 has it. */
export function csv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')).join('\r\n').concat('\r\n');
}

/** Fields apart by tabs, as a spreadsheet takes them from the clipboard. */
export function tabbed(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.map((field) => field.replaceAll(/[\t\r\n]+/g, ' ')).join('\t')).join('\n');
}
