import { csv, tabbed } from '../../lib/list';
import type { App } from '../../state/app.svelte';
import { type Column, findColumns, metricLabels, rawCell, sortNodes, standardSort } from './columns';

/** Columns that are not hidden, by default or by choice. */
export function shownColumns(app: App): Column[] {
  const columns = findColumns(app.view.nodes.values(), app.view.metrics);
  const chosen = app.prefs.hiddenColumns[app.topology];
  return columns.filter((column) => (chosen ? !chosen.includes(column.id) : !column.hidden));
}

/** The whole table as text, header first, in the order shown. */
function rows(app: App): string[][] {
  const columns = shownColumns(app).filter((column) => column.run !== 'trail');
  const labels = metricLabels(app.view.metrics);
  const sort = app.place.sort ?? standardSort(columns);
  const by = columns.find((column) => column.id === sort.column) ?? columns[0];
  const bright = app.bright;
  const nodes = [...app.view.nodes.values()].filter((node) => bright === null || bright.has(node.id));
  const sorted = by ? sortNodes(nodes, by, sort.descending, labels) : nodes;
  return [columns.map((column) => column.label), ...sorted.map((node) => columns.map((column) => rawCell(node, column, labels)))];
}

export function exportTable(app: App): Promise<void> {
  const stamp = new Date(app.view.atMs || Date.now()).toISOString().slice(0, 19).replaceAll(':', '');
  return app.saveText(`orrery-${app.topology}-${stamp}.csv`, 'text/csv', csv(rows(app)));
}

export function copyTable(app: App): Promise<void> {
  return app.copy(tabbed(rows(app)), 'Table');
}
