import { getContext, setContext } from 'svelte';

import { Api } from '../backend/api';
import { type Backend, toApiError } from '../backend/backend';
import { isCleared, kindOfId, nodeOf } from '../format/event';
import type { DetailControl } from '../generated/DetailControl';
import type { Event } from '../generated/Event';
import type { Request } from '../generated/Request';
import type { SourceStatus } from '../generated/SourceStatus';
import type { TaskDetails } from '../generated/TaskDetails';
import type { TopologyInfo } from '../generated/TopologyInfo';
import type { ViewSpec } from '../generated/ViewSpec';
import { Alerts } from './alerts.svelte';
import { Catalog } from './catalog.svelte';
import { Clock } from './clock.svelte';
import { Compare } from './compare.svelte';
import { Controls } from './controls.svelte';
import { Details } from './details.svelte';
import { Live } from './live.svelte';
import { isTroubled, type PluginEntry } from './plugin-entry';
import { Plugins } from './plugins.svelte';
import { Prefs } from './prefs.svelte';
import { combine } from './query';
import { NOW } from './route';
import { Router } from './router.svelte';
import { MAX_HITS, Search } from './search.svelte';
import { Services } from './services.svelte';
import type { TaskAbout } from './task-begin';
import { Tasks } from './tasks.svelte';
import { MAX_TERMINALS, Terminals } from './terminals.svelte';
import { type PinnedMetric, Timeline } from './timeline.svelte';
import { ViewStore } from './view.svelte';

/** A question asked before something that cannot be undone. */
export interface Confirmation {
  title: string;
  body: string;
  verb: string;
  /** False for what can be undone; the verb is then not marked as a danger. */
  destructive?: boolean;
  /** A choice that goes with the answer. */
  option?: string;
  /** Gets whether the option was chosen. */
  run: (option: boolean) => void;
}

/** A short word at the bottom of the window: what was copied, saved or went wrong. */
export interface Notice {
  key: number;
  text: string;
  failed: boolean;
  /** What it is about: the newer word replaces the older one. */
  about: string;
  /** Where it leads. */
  act?: { verb: string; run: () => void };
  /** How many words about the same it stands for, itself included. */
  count?: number;
}

/** Something a person should know of, for the count in the top bar. */
export type Warning = { kind: 'plugin'; entry: PluginEntry } | { kind: 'source'; source: SourceStatus };

/** The timeline's length where nobody chose one: with a record shorter than the first, and otherwise. */
const SHORT_SPAN_MS = 15 * 60_000;
const LONG_SPAN_MS = 60 * 60_000;
/** How far back what is shown is compared with at first, and at least; whole pictures are kept this far apart. All in milliseconds. */
const COMPARED_MS = 10 * 60_000;
const LEAST_COMPARED_MS = 30_000;
const KEYFRAME_MS = 11_000;
const NOTICE_MS = 4000;
/** Notices shown at once; the oldest give way. */
const MAX_NOTICES = 3;
/** A failure explains why a node left for this long, in milliseconds. */
const LATELY_MS = 60_000;

/** The map as the rest of the window drives it. */
export interface MapHandle {
  fit(): void;
  zoomBy(factor: number): void;
  focusNode(id: string): void;
  /** Moves as little as it takes to see a node. */
  reveal(id: string): void;
  svg(title: string): string;
  png(): Promise<Blob | null>;
}

/** Everything the window knows, in one place; parts read what they need from it. */
export class App {
  readonly api: Api;
  readonly router = new Router();
  readonly prefs = new Prefs();
  readonly clock = new Clock();
  readonly view = new ViewStore();
  readonly compare = new Compare(this.view);
  readonly live: Live;
  readonly details: Details;
  readonly search: Search;
  readonly controls: Controls;
  readonly timeline: Timeline;
  readonly plugins: Plugins;
  readonly services: Services;
  readonly tasks: Tasks;
  readonly catalog: Catalog;
  readonly terminals: Terminals;
  readonly alerts: Alerts;

  paletteOpen = $state(false);
  helpOpen = $state(false);
  installing = $state(false);
  /** The manifest that is written: of a new task, or in place of a task's own. */
  taskDraft = $state.raw<{ task: TaskDetails | null; manifest: string; about?: TaskAbout } | null>(null);
  /** Metric whose history is shown over the map. */
  historyOf = $state.raw<PinnedMetric | null>(null);
  confirmation = $state.raw<Confirmation | null>(null);
  /** Oldest first. */
  notices = $state.raw<readonly Notice[]>([]);
  unauthorized = $state(false);
  /** Metric chosen for the timeline; null follows the open card. */
  pinnedMetric = $state.raw<PinnedMetric | null>(null);
  map = $state.raw<MapHandle | null>(null);
  /** Set by the search field, so that `/` can reach it. */
  focusSearch: () => void = () => {};
  #nextNotice = 1;

  constructor(readonly backend: Backend) {
    this.api = new Api(backend);
    this.live = new Live(this.api);
    this.details = new Details(this.api);
    this.search = new Search(this.api);
    this.controls = new Controls(this.api);
    this.timeline = new Timeline(this.api);
    this.plugins = new Plugins(this.api, this.live, (text, failed, about) => this.say(text, failed, about));
    this.services = new Services(backend);
    this.tasks = new Tasks(backend);
    this.catalog = new Catalog(backend);
    this.terminals = new Terminals(this.api, backend);
    this.alerts = new Alerts(backend, this.prefs, (event) => this.#alerted(event), (event) => this.openSubject(event));
  }

  get place() {
    return this.router.place;
  }

  /** Key of the topology shown; empty until the list is here. */
  get topology(): string {
    if (this.place.topology) return this.place.topology;
    const list = this.live.topologies ?? [];
    const shown = list.find((entry) => entry.id === 'everything') ?? list.find((entry) => entry.stats.node_count > 0) ?? list[0];
    return shown?.id ?? '';
  }

  get topologyInfo(): TopologyInfo | null {
    return this.live.topologies?.find((entry) => entry.id === this.topology) ?? null;
  }

  /** Options belong to the top topology; its variants share them. */
  get optionOwner(): string {
    return this.topologyInfo?.parent ?? this.topology;
  }

  get spec(): ViewSpec | null {
    if (!this.topology) return null;
    return {
      topology: this.topology,
      options: this.place.options[this.optionOwner] ?? {},
      query: combine(this.place.chips, '').query,
      group: this.place.group,
      at_ms: this.place.at,
    };
  }

  /** Node marked on the map: the topmost card that is in the picture. */
  get selected(): string | null {
    void this.view.version;
    const { cards } = this.place;
    return cards.findLast((card) => this.view.nodes.has(card.id) || this.compare.changeOf(card.id)?.kind === 'gone')?.id ?? null;
  }

  /** Ids that stay bright while a query is typed; null when none is. */
  get bright(): ReadonlySet<string> | null {
    return this.place.find.trim() === '' || this.search.fault ? null : this.search.matches;
  }

  /** How many nodes of the picture the query matches, and of how many; null while nothing is searched for. */
  get matched(): { found: number; of: number; lit: number } | null {
    void this.view.version;
    const { result, fault } = this.search;
    if (!result || fault) return null;
    const of = this.view.nodes.size;
    // Pinned queries alone are what the picture is of.
    if (this.bright === null) return { found: of, of, lit: of };
    let found = 0;
    for (const id of this.bright) if (this.view.nodes.has(id)) found += 1;
    // Of very many hits not all are listed: then the engine's count is nearer, though it knows no options.
    const whole = result.hits.length < MAX_HITS;
    return { found: whole ? found : Math.min(of, Math.max(found, result.counts[this.topology] ?? 0)), of, lit: found };
  }

  /** Ids of nodes that something failed on within the last minute of the timeline. */
  failedLately: ReadonlySet<string> = $derived.by(() => {
    const since = this.timeline.to - LATELY_MS;
    return new Set(this.timeline.events.filter((event) => event.kind === 'failed' && event.at_ms >= since).map((event) => event.subject));
  });

  /** Whether history has a picture of a moment. */
  isRecorded(ms: number): boolean {
    const status = this.live.status;
    return !status || (status.history_from_ms !== null && ms >= status.history_from_ms);
  }

  /** The metric that the timeline draws. */
  get timelineMetric(): PinnedMetric | null {
    if (this.pinnedMetric) return this.pinnedMetric;
    const node = this.details.node;
    const first = node?.metrics[0];
    if (node && first && this.place.cards.length > 0) {
      const chosen = node.metrics.find((metric) => metric.label === this.place.fill) ?? first;
      return { node: node.id, nodeLabel: node.label, metric: chosen.id, metricLabel: chosen.label };
    }
    return this.#hostMetric;
  }

  #span: number | null = null;

  /** Length of the timeline in milliseconds: as chosen, or short while there is little to show. */
  get timelineMs(): number {
    const { status } = this.live;
    if (this.prefs.timelineMs > 0 || !status) return this.prefs.timelineMs || LONG_SPAN_MS;
    // Decided once: a scale that changes under the eye is worse than one that is not the best.
    this.#span ??= status.history_from_ms === null || Date.now() - status.history_from_ms < SHORT_SPAN_MS ? SHORT_SPAN_MS : LONG_SPAN_MS;
    return this.#span;
  }

  #hostMetric = $state.raw<PinnedMetric | null>(null);

  /** With nothing open the timeline shows how busy this machine was. */
  async pinHost(): Promise<void> {
    const hostname = this.live.status?.hostname;
    const host = this.live.hosts.find((hit) => hit.label === hostname) ?? this.live.hosts[0];
    if (!host || this.#hostMetric?.node === host.id) return;
    try {
      const node = await this.api.details(host.topology, host.id, null);
      const metric = node.metrics.find((entry) => /cpu/i.test(entry.id)) ?? node.metrics[0];
      if (metric) this.#hostMetric = { node: host.id, nodeLabel: host.label, metric: metric.id, metricLabel: metric.label };
    } catch {
      // The timeline then says that no metric is pinned.
    }
  }

  /** Why controls cannot be pressed; empty when they can. */
  get controlsOff(): string {
    if (this.place.at !== null) return 'Controls are off while the past is shown.';
    const status = this.live.status;
    if (status?.read_only) return 'This instance is read-only.';
    if (status?.role === 'view') return 'Your role may look, not act.';
    return '';
  }

  /** Why plugins cannot be changed; empty when they can. */
  get ordersOff(): string {
    const status = this.live.status;
    if (status?.read_only) return 'This instance is read-only.';
    if (status && status.role !== 'admin') return 'Your role may look at plugins, not change them.';
    const failure = this.plugins.failure;
    if (failure?.code === 'bad_request') return 'This engine is of a version that does not manage plugins.';
    return failure ? `Plugins cannot be managed at the moment. ${failure.message}` : '';
  }

  /** Why tasks cannot be started, stopped and run; empty when they can. */
  get taskOrdersOff(): string {
    const status = this.live.status;
    if (status?.read_only) return 'This instance is read-only.';
    return status?.role === 'view' ? 'Your role may look at tasks, not start them.' : '';
  }

  /** Why tasks cannot be made, changed and removed; empty when they can. */
  get tasksOff(): string {
    const status = this.live.status;
    if (status?.read_only) return 'This instance is read-only.';
    if (status && status.role !== 'admin') return 'Your role may look at tasks, not make them.';
    return '';
  }

  /** Why services cannot be changed; empty when they can. */
  get changesOff(): string {
    const status = this.live.status;
    if (status?.read_only) return 'This instance is read-only.';
    if (status && status.role !== 'admin') return 'Your role may look at services, not change them.';
    return '';
  }

  get warnings(): Warning[] {
    const plugins = this.plugins.entries.filter((entry) => isTroubled(entry) || entry.state.tone === 'warn' || entry.note !== '').map((entry): Warning => ({ kind: 'plugin', entry }));
    return [...plugins, ...this.live.limitedSources.map((source): Warning => ({ kind: 'source', source }))];
  }

  /** Opens the page of plugins with the question of what to install. */
  startInstall(): void {
    this.router.go({ page: 'plugins' });
    if (this.ordersOff) this.say(this.ordersOff, true);
    else this.installing = true;
  }

  /** Goes to the terminal and back, as Ctrl ` does. */
  toggleTerminals(): void {
    const { terminals } = this;
    if (terminals.sessions.length === 0) this.say('No terminal is open. A control such as Shell opens one.');
    else if (terminals.folded) terminals.show(terminals.active ?? terminals.sessions[0]?.key ?? 0);
    else terminals.folded = true;
  }

  /** Asks before something that cannot be undone. */
  ask(confirmation: Confirmation): void {
    this.confirmation = confirmation;
  }

  say(text: string, failed = false, about = text): void {
    const key = this.#nextNotice++;
    const others = this.notices.filter((notice) => notice.about !== about);
    this.notices = [...others, { key, text, failed, about }].slice(-MAX_NOTICES);
    if (!failed) setTimeout(() => this.dismissNotice(key), NOTICE_MS);
  }

  /** A task's alert: it stays until it is read, and the next one about the same takes its place. */
  #alerted(event: Event): void {
    if (isCleared(event.text)) {
      this.say(`${event.label}: ${event.text}`);
      return;
    }
    const about = `alert ${event.label}`;
    const before = this.notices.find((notice) => notice.about === about);
    this.say(`${event.label}: ${event.text}`, true, about);
    const said = this.notices.at(-1);
    if (!said) return;
    const node = nodeOf(event);
    const label = node === null ? '' : (this.view.nodes.get(node)?.label ?? 'the node');
    const act = { verb: node === null ? 'Open Activity' : `Open ${label}`, run: () => this.openSubject(event) };
    this.notices = [...this.notices.slice(0, -1), { ...said, act, count: (before?.count ?? 0) + 1 }];
  }

  /** Shows what an event is about: the card of its node, its plugin, or the page where such things are. */
  openSubject(event: Event): void {
    const { subject } = event;
    const node = nodeOf(event);
    if (node !== null) {
      const kind = kindOfId(node);
      const named = this.live.topologies?.find((entry) => entry.kind === kind)?.id;
      this.router.open({ topology: this.view.nodes.get(node)?.topology || named || this.topology, id: node });
    } else if (subject.startsWith('plugin:')) {
      this.router.go({ page: 'plugins', plugin: subject.slice('plugin:'.length), tab: '' });
    } else if (subject === 'plugins') {
      this.router.go({ page: 'plugins', plugin: '', tab: '' });
    } else if (subject.startsWith('task:')) {
      this.router.go({ page: 'tasks', task: subject.slice('task:'.length) });
    } else if (subject.startsWith('task-file:')) {
      this.router.go({ page: 'tasks', task: '' });
    } else {
      this.router.go({ page: 'activity' });
    }
  }

  /** The newest word. */
  get notice(): Notice | null {
    return this.notices.at(-1) ?? null;
  }

  dismissNotice(key: number): void {
    this.notices = this.notices.filter((notice) => notice.key !== key);
  }

  async copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(`${what} copied.`);
    } catch {
      this.say('The clipboard refused. Select the text and copy it by hand.', true);
    }
  }

  async exportFile(request: Request): Promise<void> {
    try {
      const path = await this.backend.exportFile(request);
      if (path !== null) this.say(`Saved ${path}.`);
    } catch (thrown) {
      this.say(`Not exported. ${toApiError(thrown).message}`, true);
    }
  }

  async saveText(fileName: string, mediaType: string, text: string): Promise<void> {
    try {
      const path = await this.backend.saveText(fileName, mediaType, text);
      if (path !== null) this.say(`Saved ${path}.`);
    } catch (thrown) {
      this.say(`Not saved. ${toApiError(thrown).message}`, true);
    }
  }

  /** Saves the whole map as it is drawn, whatever part of it is on screen. */
  async exportMap(format: 'png' | 'svg'): Promise<void> {
    const { map } = this;
    if (!map) {
      this.say('Show the graph first: the picture is of it.', true);
      return;
    }
    const stamp = new Date(this.place.at ?? this.view.atMs).toISOString().slice(0, 19);
    const name = `orrery-${this.topology}-${stamp.replaceAll(':', '')}.${format}`;
    try {
      const path = format === 'svg' ? await this.backend.saveText(name, 'image/svg+xml', map.svg(`${this.topologyInfo?.name ?? 'Map'}, ${stamp.replace('T', ' ')} UTC`)) : await this.#savePng(name, await map.png());
      if (path !== null) this.say(`Saved ${path}.`);
    } catch (thrown) {
      this.say(`Not saved. ${toApiError(thrown).message}`, true);
    }
  }

  #savePng(name: string, blob: Blob | null): Promise<string | null> {
    return blob ? this.backend.saveBlob(name, blob) : Promise.resolve(null);
  }

  exportReport(): Promise<void> {
    return this.exportFile({ op: 'export_report', at_ms: this.place.at });
  }

  /** Presses a control, asking first where it says so. */
  press(node: { id: string; label: string; topology: string }, host: string, control: DetailControl): void {
    const run = () => void this.#press(node, control);
    if (control.confirmation === '') {
      run();
      return;
    }
    const where = host && host !== node.label ? ` on ${host}` : '';
    this.confirmation = { title: `${control.human} ${node.label}${where}?`, body: control.confirmation, verb: control.human, run };
  }

  async #press(node: { id: string; label: string; topology: string }, control: DetailControl): Promise<void> {
    const outcome = await this.controls.press(node.id, control);
    this.details.refresh();
    if (outcome?.pipe) {
      // The terminal is the answer; it needs no note beside it.
      this.controls.dismissDone(node.id, control.id);
      const session = this.terminals.open({
        pipe: outcome.pipe,
        title: `${control.human} ${node.label}`,
        node: node.id,
        topology: node.topology,
        raw: outcome.raw_tty,
        resize: outcome.resize_tty_control,
      });
      if (!session) this.say(`There are ${MAX_TERMINALS} terminals already. Close one and press ${control.human} again.`, true);
    }
    if (!outcome?.removed_node) return;
    const gone = outcome.removed_node;
    this.router.go({ cards: this.place.cards.filter((card) => card.id !== gone) });
    this.say(`${control.human}: done, and the node is gone.`);
  }

  async rearrange(): Promise<void> {
    if (!this.spec) return;
    try {
      await this.api.rearrange(this.spec);
    } catch (thrown) {
      this.say(`Not re-arranged. ${toApiError(thrown).message}`, true);
    }
  }

  togglePause(): void {
    if (this.view.paused) this.view.resume();
    else this.view.pause();
    this.details.setPaused(this.view.paused);
  }

  /** Sets the moment that is shown, or the one that it is compared with if that is what moves. */
  pickMoment(ms: number | null): void {
    if (this.place.base !== null && this.compare.moving === 'a') this.router.go({ base: ms === null ? NOW : Math.round(ms) });
    else this.router.setAt(ms);
  }

  /** Compares what is shown with a moment before it, or the moment that is looked at with now; and stops that. */
  toggleCompare(): void {
    const { at, base } = this.place;
    if (base !== null) {
      this.router.go({ base: null });
      return;
    }
    const from = this.live.status?.history_from_ms ?? null;
    if (at !== null) this.router.go({ base: at, at: null });
    else if (from === null || from > this.clock.now - LEAST_COMPARED_MS) this.say('The record is too short to compare with. Try again in half a minute.');
    else this.router.go({ base: Math.round(Math.max(from + KEYFRAME_MS, this.clock.now - COMPARED_MS)) });
  }

  /** A becomes B and B becomes A. */
  swapMoments(): void {
    const { at, base } = this.place;
    if (base !== null) this.router.go({ at: base === NOW ? null : base, base: at ?? NOW });
  }

  /** Back to now: from the past and from a pause. */
  goLive(): void {
    if (this.view.paused) this.togglePause();
    if (this.place.at !== null) this.router.setAt(null);
  }
}

const KEY = Symbol('app');

export function provideApp(app: App): App {
  return setContext(KEY, app);
}

export function useApp(): App {
  return getContext<App>(KEY);
}
