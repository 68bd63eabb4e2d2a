/** Colours for canvases: read from the design tokens once per theme, and again when the theme changes. */

import { METRIC_KINDS, type MetricKind } from './metric';

export interface ChartColours {
  readonly metric: Readonly<Record<MetricKind, string>>;
  readonly t1: string;
  readonly t2: string;
  readonly t3: string;
  readonly line: string;
  readonly line2: string;
  readonly panel: string;
  readonly accent: string;
  readonly warn: string;
  readonly error: string;
  readonly sans: string;
}

let version = $state(0);
let cached: ChartColours | null = null;
let watching = false;

/** The colours of the theme that the document shows. Read it in an effect: it reruns when the theme changes. */
export function chartColours(): ChartColours {
  void version;
  watch();
  cached ??= read();
  return cached;
}

/** One observer for all charts. */
function watch(): void {
  if (watching || typeof MutationObserver === 'undefined') return;
  watching = true;
  new MutationObserver(() => {
    cached = null;
    version += 1;
  }).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
}

function read(): ChartColours {
  const style = getComputedStyle(document.documentElement);
  const text = (role: string): string => style.getPropertyValue(`--${role}`).trim();
  return {
    metric: Object.fromEntries(METRIC_KINDS.map((kind) => [kind, text(`metric-${kind}`)])) as Record<MetricKind, string>,
    t1: text('t1'),
    t2: text('t2'),
    t3: text('t3'),
    line: text('line'),
    line2: text('line2'),
    panel: text('panel'),
    accent: text('accent'),
    warn: text('warn'),
    error: text('error'),
    sans: text('sans') || 'sans-serif',
  };
}
