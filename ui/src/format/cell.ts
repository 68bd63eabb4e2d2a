import { metricKind } from '../charts/metric';
import type { TableColumn } from '../generated/TableColumn';
import { fact, isNameNumber } from './fact';
import { ABSENT, metricValue } from './number';

/** True when a column holds figures, which stand right. */
export function isNumeric(column: TableColumn): boolean {
  return ['number', 'percent', 'filesize', 'integer', 'duration'].includes(column.data_type) || metricFormat(column) !== '';
}

/** Metric cells come as plain numbers; their column says which metric they are. */
export function metricFormat(column: TableColumn): string {
  if (column.data_type === 'percent' || column.data_type === 'filesize' || column.data_type === 'integer') return column.data_type;
  if (column.data_type !== '' && column.data_type !== 'number') return '';
  const kind = metricKind(column.id, column.label);
  if (kind === 'cpu' && /usage|percent|cpu/i.test(column.id)) return 'percent';
  if (kind === 'memory') return 'filesize';
  return '';
}

/** A cell of a table on a card. */
export function cell(value: string, column: TableColumn, now: number): { text: string; title: string } {
  if (value === '') return { text: ABSENT, title: '' };
  const format = metricFormat(column);
  const number = Number(value);
  if (format !== '' && Number.isFinite(number)) return { text: metricValue(number, format, column.id), title: value };
  return fact(value, column.data_type, now, 0, isNameNumber(column.id, column.label));
}
