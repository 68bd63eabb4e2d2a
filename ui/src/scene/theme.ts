/** Colours of the map by role, read from the interface's tokens so that there is one source of them. */

import { METRIC_KINDS, type MetricKind } from '../charts/metric';

/** What a node is, as far as its colour goes. */
export type KindClass = 'process' | 'container' | 'pod' | 'host' | 'outside';

/** How a node differs from another moment, that it is broken, or that it ended as things end. */
export type MarkKind = 'added' | 'gone' | 'changed' | 'error' | 'ended';

/** Colours and strengths of one appearance. */
export interface Theme {
  readonly name: 'dark' | 'light';
  readonly map: string;
  readonly box: string;
  readonly box2: string;
  readonly node: string;
  readonly line: string;
  readonly t1: string;
  readonly t2: string;
  readonly t3: string;
  readonly accent: string;
  readonly warn: string;
  readonly edge: string;
  readonly edgeHigh: string;
  readonly glyph: string;
  readonly kind: Readonly<Record<KindClass, string>>;
  readonly metric: Readonly<Record<MetricKind, string>>;
  readonly mark: Readonly<Record<MarkKind, string>>;
  /** Strength of the fill's tint. */
  readonly fillAlpha: number;
  /** Strengths of what is dimmed. */
  readonly dimBody: number;
  readonly dimLabel: number;
  readonly dimEdge: number;
  /** Font families. */
  readonly sans: string;
}

const KINDS: readonly KindClass[] = ['process', 'container', 'pod', 'host', 'outside'];

/** Reads a theme from custom properties, such as those of the document's computed style. */
export function readTheme(name: 'dark' | 'light', property: (name: string) => string): Theme {
  const text = (role: string): string => property(`--${role}`).trim();
  const strength = (role: string): number => {
    const value = Number.parseFloat(text(role));
    return Number.isFinite(value) ? value : 1;
  };
  return {
    name,
    map: text('map'),
    box: text('box'),
    box2: text('box2'),
    node: text('node'),
    line: text('line'),
    t1: text('t1'),
    t2: text('t2'),
    t3: text('t3'),
    accent: text('accent'),
    warn: text('warn'),
    edge: text('edge'),
    edgeHigh: text('edge-strong'),
    glyph: name === 'dark' ? text('t1') : text('t2'),
    kind: record(KINDS, (kind) => text(`kind-${kind}`)),
    metric: record(METRIC_KINDS, (kind) => text(`metric-${kind}`)),
    mark: { added: text('added'), gone: text('gone'), changed: text('changed'), error: text('error'), ended: text('t3') },
    fillAlpha: strength('fill-alpha'),
    dimBody: strength('dim-node'),
    dimLabel: strength('dim-label'),
    dimEdge: strength('dim-edge'),
    sans: text('sans') || 'sans-serif',
  };
}

/** The theme that the document shows. */
export function documentTheme(name: 'dark' | 'light'): Theme {
  const style = getComputedStyle(document.documentElement);
  return readTheme(name, (property) => style.getPropertyValue(property));
}

function record<K extends string>(keys: readonly K[], value: (key: K) => string): Record<K, string> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, string>;
}

/** Colour of the surface a node stands on: the map (0), a host's box (1) or an inner box (2 and more). */
export function surfaceOf(theme: Theme, depth: number): string {
  if (depth <= 0) return theme.map;
  return depth === 1 ? theme.box : theme.box2;
}

const POD_KIND = /^(pod|service|deployment|(replica|daemon|stateful)_set|(cron_)?job|persistent_volume(_claim)?|storage_class|volume_snapshot(_data)?|namespace)$/;

/** Colour class of a node's kind tag, such as `container_image` or `group:process:name`. */
export function kindClass(kind: string, pseudo = false): KindClass {
  if (pseudo) return 'outside';
  const tag = kind.startsWith('group:') ? (kind.split(':')[1] ?? '') : kind;
  if (tag === 'process' || tag === 'endpoint') return 'process';
  if (tag === 'host' || tag === 'overlay') return 'host';
  if (POD_KIND.test(tag)) return 'pod';
  if (/^(container|ecs|swarm)/.test(tag)) return 'container';
  return 'outside';
}
