import type { Api } from '../backend/api';
import { type ChosenPackage, toApiError } from '../backend/backend';
import { capital, isUnderWay, operationNoun } from '../format/plugin';
import type { ApiError } from '../generated/ApiError';
import type { ManagedPlugin } from '../generated/ManagedPlugin';
import type { OperationView } from '../generated/OperationView';
import type { PackageSource } from '../generated/PackageSource';
import type { PluginOrder } from '../generated/PluginOrder';
import type { RejectedPackage } from '../generated/RejectedPackage';
import type { UsagePoint } from '../generated/UsagePoint';
import type { Live } from './live.svelte';
import { entriesOf, findEntry, isTroubled, type PluginEntry } from './plugin-entry';
import { Poll } from './poll';

const PLUGINS_EVERY_MS = 1500;
const OPERATIONS_EVERY_MS = 2000;
/** Beat while an operation runs, in milliseconds. */
const OPERATIONS_SOON_MS = 400;
const REJECTED_EVERY_MS = 5000;
/** Turns between questions to an engine that does not manage plugins. */
const ASK_AGAIN_EVERY = 20;
/** Operations asked for; the newest. */
const MAX_OPERATIONS = 100;
/** Resource points kept per plugin: an hour at the usual beat. */
export const MAX_USAGE = 360;

/** A package on its way from this browser to the engine, before there is an operation. */
export interface Upload {
  key: number;
  name: string;
  sent: number;
  total: number;
  /** Why it failed; empty while it goes on. */
  failure: string;
  cancel: () => void;
}

/** Words at the bottom of the window. */
export type Say = (text: string, failed?: boolean, about?: string) => void;

/** Plugins that Orrery runs, what is being done to them, and the orders given from this window. */
export class Plugins {
  managed = $state.raw<ManagedPlugin[] | null>(null);
  /** Newest first. */
  operations = $state.raw<OperationView[]>([]);
  rejected = $state.raw<RejectedPackage[]>([]);
  uploads = $state.raw<Upload[]>([]);
  /** Resource points by plugin, oldest first. */
  usage = $state.raw<ReadonlyMap<string, UsagePoint[]>>(new Map());
  /** Why plugins cannot be managed here. */
  failure = $state.raw<ApiError | null>(null);
  /** True when this engine only talks to sockets that others run. */
  socketsOnly = $derived.by(() => this.failure?.code === 'bad_request' || this.failure?.reason === 'no_plugin_engine');
  entries: PluginEntry[] = $derived.by(() => entriesOf(this.managed ?? [], this.#live.plugins ?? []));
  /** True once it is known what there is. */
  known = $derived.by(() => this.#live.plugins !== null && (this.managed !== null || this.failure !== null));
  /** Ended operations that a person has read about, and those that were over before this window. */
  #read = $state.raw<ReadonlySet<string>>(new Set());
  #opened = Date.now();
  #api: Api;
  #live: Live;
  #say: Say;
  /** Orders of this window whose end is to be told, by operation. */
  #mine = new Map<string, string>();
  /** Installs of this window, by operation. */
  #installs = new Map<string, { source: PackageSource; force: boolean; name: string }>();
  #sending = $state.raw<ReadonlySet<string>>(new Set());
  #nextUpload = 1;
  #asked = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #managedPoll: Poll;
  #operationPoll: Poll;
  #rejectedPoll: Poll;

  constructor(api: Api, live: Live, say: Say) {
    this.#api = api;
    this.#live = live;
    this.#say = say;
    this.#managedPoll = new Poll(() => this.#askManaged(), PLUGINS_EVERY_MS);
    this.#operationPoll = new Poll(() => this.#askOperations(), OPERATIONS_EVERY_MS);
    this.#rejectedPoll = new Poll(() => this.#askRejected(), REJECTED_EVERY_MS);
  }

  start(): () => void {
    this.#managedPoll.start();
    this.#operationPoll.start();
    return () => {
      this.#managedPoll.stop();
      this.#operationPoll.stop();
      clearTimeout(this.#soon);
    };
  }

  /** Also keeps what only the page of plugins shows. Returns how to stop. */
  watch(): () => void {
    this.#rejectedPoll.start();
    return () => this.#rejectedPoll.stop();
  }

  find(wanted: string): PluginEntry | null {
    return findEntry(this.entries, wanted);
  }

  get troubled(): PluginEntry[] {
    return this.entries.filter(isTroubled);
  }

  /** What runs and has no plugin to show it with: installs of packages that are not known yet. */
  get arriving(): OperationView[] {
    const known = new Set((this.managed ?? []).map((plugin) => plugin.id));
    return this.operations.filter((operation) => isUnderWay(operation) && !known.has(operation.plugin));
  }

  /** Installs that failed and left no plugin, until read. */
  get failed(): OperationView[] {
    const known = new Set((this.managed ?? []).map((plugin) => plugin.id));
    return this.operations.filter((operation) => operation.state === 'failed' && operation.kind === 'install' && !known.has(operation.plugin) && !this.#read.has(operation.id) && operation.ordered_ms >= this.#opened);
  }

  dismissFailure(id: string): void {
    this.#read = new Set([...this.#read, id]);
  }

  /** True from the press until the operation ended. */
  busy(plugin: string, kinds: readonly string[]): boolean {
    if (kinds.some((kind) => this.#sending.has(`${plugin} ${kind}`))) return true;
    return this.operations.some((operation) => operation.plugin === plugin && isUnderWay(operation) && kinds.includes(operation.kind));
  }

  /** Gives an order. Its end is told at the bottom of the window as `what`. Null when it was not taken. */
  async order(order: PluginOrder, what: string): Promise<OperationView | null> {
    try {
      return await this.give(order, what);
    } catch (thrown) {
      this.#say(`${what}: not done. ${toApiError(thrown).message}`, true, what);
      return null;
    }
  }

  /** As {@link order}, for who shows a refusal itself: rejects with an {@link ApiError}. */
  async give(order: PluginOrder, what: string): Promise<OperationView> {
    const mark = `${'plugin' in order ? order.plugin : ''} ${order.order}`;
    this.#sending = new Set([...this.#sending, mark]);
    try {
      const operation = await this.#api.order(order);
      this.#mine.set(operation.id, what);
      this.#take([operation, ...this.operations.filter((other) => other.id !== operation.id)]);
      this.#operationPoll.refresh();
      this.#managedPoll.refresh();
      return operation;
    } catch (thrown) {
      throw toApiError(thrown);
    } finally {
      this.#sending = new Set([...this.#sending].filter((other) => other !== mark));
    }
  }

  async cancel(id: string): Promise<void> {
    try {
      const operation = await this.#api.cancelOperation(id);
      this.#take(this.operations.map((other) => (other.id === id ? operation : other)));
    } catch (thrown) {
      this.#say(`Not cancelled. ${toApiError(thrown).message}`, true);
    }
  }

  /** Installs a file that a person chose, sending it first where that is needed. */
  async installFile(chosen: ChosenPackage, force: boolean): Promise<void> {
    const stop = new AbortController();
    const key = this.#nextUpload++;
    if (chosen.bytes !== null) {
      this.uploads = [...this.uploads, { key, name: chosen.name, sent: 0, total: chosen.bytes, failure: '', cancel: () => stop.abort() }];
    }
    try {
      const source = await chosen.deliver((sent, total) => this.#changeUpload(key, { sent, total }), stop.signal);
      this.dropUpload(key);
      await this.install(source, force, chosen.name);
    } catch (thrown) {
      if (stop.signal.aborted) this.dropUpload(key);
      else if (chosen.bytes === null) this.#say(`Not installed. ${toApiError(thrown).message}`, true);
      else this.#changeUpload(key, { failure: toApiError(thrown).message });
    }
  }

  async install(source: PackageSource, force: boolean, name: string): Promise<OperationView | null> {
    const operation = await this.order({ order: 'install', source, force }, `Install ${name}`);
    if (operation) this.#installs.set(operation.id, { source, force, name });
    return operation;
  }

  /** What a package is called of which nothing more is known yet; empty when another window sent it. */
  nameOf(id: string): string {
    return this.#installs.get(id)?.name ?? '';
  }

  /** What was uploaded is used up by its install. */
  canInstallAgain(id: string): boolean {
    const known = this.#installs.get(id);
    return known !== undefined && known.source.from !== 'upload';
  }

  async installAgain(id: string): Promise<void> {
    const known = this.#installs.get(id);
    if (!known) return;
    this.dismissFailure(id);
    await this.install(known.source, known.force, known.name);
  }

  dropUpload(key: number): void {
    this.uploads = this.uploads.filter((upload) => upload.key !== key);
  }

  #changeUpload(key: number, change: Partial<Upload>): void {
    this.uploads = this.uploads.map((upload) => (upload.key === key ? { ...upload, ...change } : upload));
  }

  async #askManaged(): Promise<void> {
    // An engine that knows nothing of managing plugins will not learn it between two questions.
    if (this.socketsOnly && this.#asked++ % ASK_AGAIN_EVERY !== 0) return;
    try {
      this.managed = await this.#api.managedPlugins();
      this.failure = null;
    } catch (thrown) {
      this.failure = toApiError(thrown);
      return;
    }
    await this.#askUsage(this.managed);
  }

  /** Asks for points only where the newest one is not the next in line. */
  async #askUsage(managed: readonly ManagedPlugin[]): Promise<void> {
    const next = new Map<string, UsagePoint[]>();
    for (const { id, instance } of managed) {
      const held = this.usage.get(id) ?? [];
      const newest = instance.usage;
      const last = held.at(-1);
      if (!newest || newest.seq === last?.seq) next.set(id, held);
      else if (last && newest.seq === last.seq + 1) next.set(id, joinedUsage(held, [newest]));
      else next.set(id, await this.#usageOf(id, held));
    }
    this.usage = next;
  }

  async #usageOf(id: string, held: UsagePoint[]): Promise<UsagePoint[]> {
    try {
      const after = held.at(-1)?.seq ?? 0;
      const points = await this.#api.pluginUsage(id, after);
      // An engine that began anew counts from one again.
      return points.length === 0 && after > 0 ? await this.#api.pluginUsage(id, 0) : joinedUsage(held, points);
    } catch {
      // Without points there is no line; the newest reading is shown all the same.
      return held;
    }
  }

  async #askOperations(): Promise<void> {
    if (this.socketsOnly) return;
    try {
      this.#take(await this.#api.operations(MAX_OPERATIONS));
    } catch {
      // The status poll says what is wrong, once for all questions.
    }
  }

  async #askRejected(): Promise<void> {
    if (this.socketsOnly) return;
    try {
      this.rejected = await this.#api.rejectedPackages();
    } catch {
      // As above.
    }
  }

  #take(operations: OperationView[]): void {
    this.operations = [...operations].sort((a, b) => b.ordered_ms - a.ordered_ms);
    for (const operation of this.operations) {
      const what = this.#mine.get(operation.id);
      if (what === undefined || isUnderWay(operation)) continue;
      this.#mine.delete(operation.id);
      this.#managedPoll.refresh();
      this.#tell(operation, what);
    }
    clearTimeout(this.#soon);
    if (operations.some(isUnderWay)) this.#soon = setTimeout(() => this.#operationPoll.refresh(), OPERATIONS_SOON_MS);
  }

  #tell(operation: OperationView, what: string): void {
    // A failed install stands in the list until read, with a way to try again.
    if (operation.state === 'failed' && operation.kind === 'install') return;
    // The reasons stand in the form, each beside its field.
    if (operation.state === 'failed' && operation.kind === 'configure') {
      this.#say(`${what} was taken back. The reason stands with its config.`, true, what);
      return;
    }
    // What a program wrote last follows on lines of its own; there is no room for it here.
    const [said] = operation.outcome.split('\n');
    const outcome = said || (operation.state === 'cancelled' ? 'cancelled' : `${operationNoun(operation.kind).toLowerCase()} done`);
    // An outcome that names the plugin says what was done as well.
    const named = operation.state === 'done' && operation.plugin !== '' && outcome.startsWith(`${operation.plugin} `);
    const label = this.managed?.find((plugin) => plugin.id === operation.plugin)?.label || capital(operation.plugin);
    this.#say(named ? `${label}${outcome.slice(operation.plugin.length)}` : `${what}: ${outcome}`, operation.state === 'failed', what);
  }
}

/** Points in order, the newest last, without doubles and bounded. */
export function joinedUsage(held: readonly UsagePoint[], newer: readonly UsagePoint[]): UsagePoint[] {
  const last = held.at(-1)?.seq ?? 0;
  return [...held, ...newer.filter((point) => point.seq > last)].slice(-MAX_USAGE);
}
