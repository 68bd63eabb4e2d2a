/** Which of the metric hues a metric takes. */

/** Hue of a metric. */
export type MetricKind = 'cpu' | 'memory' | 'network' | 'disk' | 'other';

/** Every hue, in the order of the design tokens. */
export const METRIC_KINDS: readonly MetricKind[] = ['cpu', 'memory', 'network', 'disk', 'other'];

/** Hue of a metric by its id and label. */
export function metricKind(id: string, label = ''): MetricKind {
  const text = `${id} ${label}`.toLowerCase();
  if (/cpu|iowait|idle|load/.test(text)) return 'cpu';
  if (/mem|rss|heap|swap/.test(text)) return 'memory';
  if (/disk|file|(^|[_ ])fds?([_ ]|$)|inode|block|(^|[_ ])io([_ ]|$)|volume|storage/.test(text)) return 'disk';
  if (/net|rx|tx|byte|packet|conn|http|request|req|latency|rtt|throughput/.test(text)) return 'network';
  return 'other';
}
