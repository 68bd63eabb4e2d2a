/** Pages beside the map. */
export const PAGES = ['plugins', 'tasks', 'services', 'catalog', 'activity', 'audit'] as const;
export type Page = 'map' | (typeof PAGES)[number];

/** Everything that makes up what is on screen and is worth sending to a colleague. */
export interface Place {
  page: Page;
  /** Key of the topology; empty is the first of the list. */
  topology: string;
  /** Chosen option values by the top topology's key, then option id. Defaults are left out. */
  options: Record<string, Record<string, string>>;
  /** Pinned queries; nodes must match all. */
  chips: string[];
  /** Query being typed; what does not match is dimmed. */
  find: string;
  /** Fields to box by, outermost first. */
  group: string[];
  mode: 'graph' | 'table';
  /** Label of the metric that fills nodes; empty for none. */
  fill: string;
  /** Open cards, the topmost last. */
  cards: CardRef[];
  /** The moment shown, in milliseconds since the epoch; null is live. */
  at: number | null;
  /** The moment that the shown one is compared with, in milliseconds since the epoch; {@link NOW} is now, null compares nothing. */
  base: number | null;
  /** Column that the table is sorted by; empty for its own choice. */
  sort: { column: string; descending: boolean } | null;
  /** Id of the plugin whose details are open, or the path of its socket. */
  plugin: string;
  /** Part of the plugin's details that is shown; empty for the overview. */
  tab: PluginTab;
  /** Name of the service whose details are open. */
  service: string;
  /** Id of the task whose details are open. */
  task: string;
  /** Name and version of the metric of the catalog whose details are open. */
  metric: string;
  /** Words that the list of a page is filtered by. */
  words: string;
  /** What the pill of a list leaves, such as one state; empty for all. */
  only: string;
  /** Column that the list of a page is ordered by; null is the list's own order. */
  order: { column: string; descending: boolean } | null;
}

/** Parts of a plugin's details. */
export const PLUGIN_TABS = ['', 'log', 'config', 'revisions', 'health', 'activity'] as const;
export type PluginTab = (typeof PLUGIN_TABS)[number];

export interface CardRef {
  topology: string;
  id: string;
}

/** Stands for now where a moment is compared with. */
export const NOW = 0;
export const DEFAULT_GROUP = ['host', 'unit'];
export const DEFAULT_FILL = 'CPU';
/** Cards kept in a stack; the oldest leave first. */
export const MAX_CARDS = 12;

export function defaultPlace(): Place {
  return {
    page: 'map',
    topology: '',
    options: {},
    chips: [],
    find: '',
    group: [...DEFAULT_GROUP],
    mode: 'graph',
    fill: DEFAULT_FILL,
    cards: [],
    at: null,
    base: null,
    sort: null,
    plugin: '',
    tab: '',
    service: '',
    task: '',
    ...NO_LIST,
  };
}

/** A page that was just opened shows its whole list. */
export const NO_LIST: Pick<Place, 'metric' | 'words' | 'only' | 'order'> = { metric: '', words: '', only: '', order: null };

/** The hash for a place, defaults left out: `#/view/containers?q=nginx`. */
export function formatPlace(place: Place): string {
  const params = new URLSearchParams();
  if (place.page === 'plugins' && place.plugin) params.append('plugin', place.plugin);
  if (place.page === 'plugins' && place.plugin && place.tab) params.append('tab', place.tab);
  if (place.page === 'services' && place.service) params.append('service', place.service);
  if (place.page === 'tasks' && place.task) params.append('task', place.task);
  if (place.page === 'catalog' && place.metric) params.append('metric', place.metric);
  if (place.page !== 'map' && place.words) params.append('words', place.words);
  if (place.page !== 'map' && place.only) params.append('only', place.only);
  if (place.page !== 'map' && place.order) params.append('order', orderText(place.order));
  for (const [topology, options] of Object.entries(place.options).sort()) {
    for (const [option, value] of Object.entries(options).sort()) params.append('o', `${topology}.${option}~${value}`);
  }
  for (const chip of place.chips) params.append('q', chip);
  if (place.find) params.set('find', place.find);
  if (place.group.join() !== DEFAULT_GROUP.join()) params.set('group', place.group.join() || '-');
  if (place.mode === 'table') params.set('mode', 'table');
  if (place.fill !== DEFAULT_FILL) params.set('fill', place.fill || '-');
  for (const card of place.cards) params.append('card', `${card.topology}/${card.id}`);
  if (place.at !== null) params.set('at', String(place.at));
  if (place.base !== null) params.set('base', place.base === NOW ? 'now' : String(place.base));
  if (place.sort) params.set('sort', orderText(place.sort));
  const path = place.page === 'map' ? `view/${encodeURIComponent(place.topology)}` : place.page;
  const head = place.page !== 'map' && place.topology ? `${path}/${encodeURIComponent(place.topology)}` : path;
  const query = params.toString();
  return query ? `#/${head}?${query}` : `#/${head}`;
}

/** The place of a hash, ours or Scope's; what makes no sense is left at its default. */
export function parsePlace(hash: string): Place {
  if (hash.startsWith('#!/state/')) return parseScopeState(hash.slice('#!/state/'.length));
  const place = defaultPlace();
  const match = /^#\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(hash);
  if (!match) return place;
  const [, page, topology, query] = match;
  place.page = PAGES.find((known) => known === page) ?? 'map';
  place.topology = decode(topology ?? '');
  const params = new URLSearchParams(query ?? '');
  for (const option of params.getAll('o')) {
    const parts = /^([^.]+)\.([^~]+)~(.*)$/.exec(option);
    if (parts?.[1] && parts[2]) setOption(place, parts[1], parts[2], parts[3] ?? '');
  }
  place.chips = params.getAll('q').filter((chip) => chip.trim() !== '');
  place.find = params.get('find') ?? '';
  const group = params.get('group');
  if (group !== null) place.group = group === '-' ? [] : group.split(',').filter(Boolean);
  if (params.get('mode') === 'table') place.mode = 'table';
  const fill = params.get('fill');
  if (fill !== null) place.fill = fill === '-' ? '' : fill;
  place.cards = params
    .getAll('card')
    .map((card): CardRef => {
      const cut = card.indexOf('/');
      return { topology: card.slice(0, cut), id: card.slice(cut + 1) };
    })
    .filter((card) => card.topology !== '' && card.id !== '')
    .slice(-MAX_CARDS);
  place.at = moment(params.get('at'));
  place.base = params.get('base') === 'now' ? NOW : moment(params.get('base'));
  place.sort = orderOf(params.get('sort'));
  place.plugin = params.get('plugin') ?? '';
  place.service = params.get('service') ?? '';
  place.task = params.get('task') ?? '';
  place.metric = params.get('metric') ?? '';
  place.words = params.get('words') ?? '';
  place.only = params.get('only') ?? '';
  place.order = orderOf(params.get('order'));
  const tab = params.get('tab');
  place.tab = PLUGIN_TABS.find((known) => known === tab) ?? '';
  return place;
}

export function setOption(place: Pick<Place, 'options'>, topology: string, option: string, value: string): void {
  place.options = { ...place.options, [topology]: { ...place.options[topology], [option]: value } };
}

function orderText({ column, descending }: { column: string; descending: boolean }): string {
  return `${descending ? '-' : '+'}${column}`;
}

function orderOf(text: string | null): Place['order'] {
  return text && text.length > 1 ? { column: text.slice(1), descending: text.startsWith('-') } : null;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function moment(text: string | null): number | null {
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) && value > 0 ? Math.round(value) : null;
}

/** Links of Weave Scope: JSON with `<SLASH>` and `<PERCENT>` in place of the two marks. */
function parseScopeState(text: string): Place {
  const place = defaultPlace();
  let state: Record<string, unknown>;
  try {
    state = JSON.parse(decode(text).replaceAll('<SLASH>', '/').replaceAll('<PERCENT>', '%')) as Record<string, unknown>;
  } catch {
    return place;
  }
  if (typeof state !== 'object' || state === null) return place;
  place.topology = textOf(state.topologyId);
  place.mode = state.topologyViewMode === 'grid' ? 'table' : 'graph';
  place.find = textOf(state.searchQuery);
  if (Array.isArray(state.pinnedSearches)) place.chips = state.pinnedSearches.map(textOf).filter(Boolean);
  place.fill = textOf(state.pinnedMetricType) || DEFAULT_FILL;
  if (textOf(state.gridSortedBy)) place.sort = { column: textOf(state.gridSortedBy), descending: state.gridSortedDesc === true };
  for (const [topology, options] of Object.entries(recordOf(state.topologyOptions))) {
    for (const [option, value] of Object.entries(recordOf(options))) {
      setOption(place, topology, option, Array.isArray(value) ? value.map(textOf).join() : textOf(value));
    }
  }
  if (Array.isArray(state.nodeDetails)) {
    place.cards = state.nodeDetails
      .map(recordOf)
      .map((card) => ({ topology: textOf(card.topologyId) || place.topology, id: textOf(card.id) }))
      .filter((card) => card.id !== '')
      .slice(-MAX_CARDS);
  }
  const selected = textOf(state.selectedNodeId);
  if (place.cards.length === 0 && selected) place.cards = [{ topology: place.topology, id: selected }];
  const paused = Date.parse(textOf(state.pausedAt));
  place.at = Number.isFinite(paused) ? paused : null;
  return place;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
