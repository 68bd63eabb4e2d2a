import { eventLook } from '../../format/event';
import { counted } from '../../format/number';
import type { App } from '../../state/app.svelte';
import { HEAD_METRICS } from '../../state/details.svelte';
import { newManifest } from '../../state/task-begin';
import { exportTable } from '../table/export';
import { beginTask } from '../task-drafts';

/** Something the palette can do. */
export interface PaletteItem {
  id: string;
  section: string;
  label: string;
  /** To the right: where, what kind, when. */
  aside?: string;
  keys?: string;
  icon?: string;
  /** A node's shape in place of an icon. */
  shape?: string;
  kind?: string;
  run: () => void;
}

/** All commands that make sense now. */
export function commands(app: App): PaletteItem[] {
  const { place, router } = app;
  const items: PaletteItem[] = [
    command('graph', 'Show the graph', 'graph', () => router.go({ page: 'map', mode: 'graph' }), 'g'),
    command('table', 'Show the table', 'table', () => router.go({ page: 'map', mode: 'table' }), 't'),
    command('fit', 'Fit the map', 'fit', () => app.map?.fit(), 'f'),
    command('rearrange', 'Re-arrange the map', 'rearrange', () => void app.rearrange(), 'Shift R'),
    command('export-report', 'Export report as JSON…', 'export', () => void app.exportReport()),
    command('export-table', 'Export table as CSV…', 'export', () => void exportTable(app)),
    command('plugins', 'Open plugins', 'plug', () => router.go({ page: 'plugins' })),
    ...(app.plugins.socketsOnly ? [] : [command('install', 'Install plugin…', 'download', () => app.startInstall())]),
    command('tasks', 'Open tasks', 'tasks', () => router.go({ page: 'tasks' })),
    ...taskCommands(app),
    command('catalog', 'Open the catalog of metrics', 'book', () => router.go({ page: 'catalog' })),
    command('services', 'Open services', 'server', () => router.go({ page: 'services' })),
    command('activity', 'Open activity', 'activity', () => router.go({ page: 'activity' })),
    ...(app.map ? [command('export-png', 'Export map as PNG…', 'export', () => void app.exportMap('png')), command('export-svg', 'Export map as SVG…', 'export', () => void app.exportMap('svg'))] : []),
    command('audit', 'Open the audit log', 'shield', () => router.go({ page: 'audit' })),
    command('theme', app.prefs.theme === 'dark' ? 'Use the light theme' : 'Use the dark theme', app.prefs.theme === 'dark' ? 'sun' : 'moon', () => app.prefs.toggleTheme()),
    command('help', 'Show help', 'help', () => (app.helpOpen = true), '?'),
  ];
  const pinned = app.timelineMetric;
  if (pinned) {
    items.splice(6, 0, command('export-history', `Export history of ${pinned.nodeLabel} as CSV…`, 'export', () => void app.exportFile({ op: 'export_history', node: pinned.node, metrics: [], from_ms: Math.round(app.timeline.from), to_ms: Math.round(app.timeline.to) })));
  }
  if (place.chips.length > 0) items.unshift(command('clear', 'Clear the pinned query', 'close', () => router.go({ chips: [], find: '' })));
  if (app.alerts.permission === 'ask' || app.alerts.permission === 'granted') items.push(command('notify', app.alerts.on ? 'Stop notifications of alerts in this browser' : 'Show alerts as notifications of this browser', 'bell', () => void app.alerts.toggle()));
  if (app.terminals.sessions.length > 0) items.push(command('terminals', app.terminals.folded ? 'Show the terminals' : 'Fold the terminals', 'terminal', () => app.toggleTerminals(), 'Ctrl `'));
  return [...controls(app), ...times(app), ...topologies(app), ...items, ...plugins(app), ...fills(app)];
}

function command(id: string, label: string, icon: string, run: () => void, keys?: string): PaletteItem {
  return { id, section: 'Commands', label, icon, run, ...(keys ? { keys } : {}) };
}

/** What begins a task, where that may be done. */
function taskCommands(app: App): PaletteItem[] {
  if (app.tasksOff) return [];
  const node = app.place.cards.length > 0 ? app.details.node : null;
  const metrics = node?.metrics.slice(0, HEAD_METRICS).map(({ id }) => id) ?? [];
  return [
    command('new-task', 'New task…', 'plus', () => (app.taskDraft = { task: null, manifest: newManifest() })),
    ...(node && metrics.length > 0
      ? [
          command('record', `Record metrics of ${node.label}…`, 'tasks', () => beginTask(app, node, 'record', metrics)),
          command('alert', `Alert on ${node.metrics[0]?.label} of ${node.label}…`, 'warning', () => beginTask(app, node, 'alert', metrics)),
        ]
      : []),
  ];
}

/** Controls of the open card. */
function controls(app: App): PaletteItem[] {
  const node = app.place.cards.length > 0 ? app.details.node : null;
  if (!node || app.controlsOff) return [];
  const host = node.parents.find((parent) => parent.topology === 'hosts')?.label ?? '';
  return node.controls.map((control) => ({
    id: `control ${control.id} ${node.id}`,
    section: 'Controls',
    label: `${control.human} ${node.label}${control.confirmation ? '…' : ''}`,
    aside: control.confirmation ? `${host} · asks first`.replace(/^ · /, '') : host,
    icon: 'play',
    run: () => app.press(node, host, control),
  }));
}

function times(app: App): PaletteItem[] {
  const items: PaletteItem[] = [];
  const failed = app.timeline.events.findLast((event) => eventLook(event.kind).tone === 'error');
  if (failed) {
    items.push({ id: 'last-failure', section: 'Time and history', label: `Go to the last failure: ${failed.label}`, icon: 'clock', run: () => app.router.go({ page: 'map', at: failed.at_ms }) });
  }
  items.push({ id: 'compare', section: 'Time and history', label: app.place.base !== null ? 'Compare no longer' : app.place.at === null ? 'Compare with ten minutes ago' : 'Compare this moment with now', icon: 'compare', keys: 'c', run: () => (app.router.go({ page: 'map' }), app.toggleCompare()) });
  if (app.place.at !== null || app.view.paused) {
    items.push({ id: 'live', section: 'Time and history', label: 'Back to live', icon: 'play', keys: 'l', run: () => app.goLive() });
  }
  if (app.place.at === null) {
    items.push({ id: 'pause', section: 'Time and history', label: app.view.paused ? 'Resume' : 'Pause', icon: app.view.paused ? 'play' : 'pause', keys: 'Space', run: () => app.togglePause() });
  }
  return items;
}

function topologies(app: App): PaletteItem[] {
  const list = app.live.topologies ?? [];
  // What nobody has is no place to go to.
  return list.filter((entry) => !entry.hide_if_empty || entry.stats.node_count > 0 || entry.stats.filtered_nodes > 0).map((entry) => {
    const parent = list.find((other) => other.id === entry.parent);
    return {
      id: `topology ${entry.id}`,
      section: 'Topologies',
      label: `Show ${parent ? `${parent.name} ` : ''}${entry.name}`,
      aside: counted(entry.stats.node_count, 'node'),
      ...(entry.kind === 'everything' ? { icon: 'everything' } : { shape: entry.shape, kind: entry.kind }),
      run: () => app.router.go({ page: 'map', topology: entry.id }),
    };
  });
}

function plugins(app: App): PaletteItem[] {
  return app.plugins.entries.map((entry) => ({
    id: `plugin ${entry.key}`,
    section: 'Plugins',
    label: `Open plugin ${entry.label}`,
    aside: entry.state.word,
    icon: 'plug',
    run: () => app.router.go({ page: 'plugins', plugin: entry.key, tab: '' }),
  }));
}

function fills(app: App): PaletteItem[] {
  const labels = [...new Set(app.view.metrics.map((metric) => metric.label))];
  return labels
    .filter((label) => label !== app.place.fill)
    .map((label) => command(`fill ${label}`, `Fill nodes by ${label}`, 'activity', () => app.router.go({ fill: label })));
}

/** Items whose label holds every word. */
export function fitting(items: PaletteItem[], text: string): PaletteItem[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return items.filter((item) => {
    const label = item.label.toLowerCase();
    return words.every((word) => label.includes(word));
  });
}
