import { apiError, type Backend, type LineHandle, toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import { Poll } from './poll';
import { addressOf, type ServiceEvent, type ServiceList, type ServiceObject, SERVICES_PATH, serviceState } from './service-object';

/** Beat of the count in the status bar; a page that is open follows every change. */
const LIST_EVERY_MS = 10_000;
/** Waits before a broken watch is taken up again, in milliseconds; the last one repeats. */
const AGAIN_MS = [500, 2000, 5000];

/** What plugins serve: the objects of the data plane, followed. */
export class Services {
  /** Worst first; null until they are known. */
  list = $state.raw<ServiceObject[] | null>(null);
  failure = $state.raw<ApiError | null>(null);
  /** True while every change arrives by itself. */
  following = $state(false);
  #objects = new Map<string, ServiceObject>();
  #backend: Backend;
  #poll: Poll;
  #watch: LineHandle | null = null;
  #watchers = 0;
  /** Grows with each watch, so that what an earlier one still says is not heard. */
  #turn = 0;
  #broken = 0;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#poll = new Poll(() => this.#ask(), LIST_EVERY_MS);
  }

  start(): () => void {
    this.#poll.start();
    return () => this.#poll.stop();
  }

  /** Follows every change. Returns how to stop. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) void this.#follow();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      clearTimeout(this.#again);
      this.#watch?.close();
      this.#watch = null;
      this.following = false;
    };
  }

  find(name: string): ServiceObject | null {
    return name === '' ? null : (this.list?.find((service) => service.metadata.name === name) ?? null);
  }

  /** Makes or changes every object of a text. Rejects with an {@link ApiError} that names the fields. */
  async apply(yaml: string): Promise<ServiceObject[]> {
    const { items } = await this.#backend.send<ServiceList>({ method: 'PUT', path: SERVICES_PATH, mediaType: 'application/yaml', body: yaml });
    // A change that followed at once may have arrived before this answer.
    for (const item of items) if (isNewer(item, this.#objects.get(item.metadata.name))) this.#objects.set(item.metadata.name, item);
    this.#show();
    return items;
  }

  /**
   * True when somebody else changed what is wanted since a person saw it. Its `resourceVersion` says nothing of
   * that: it changes with every finding, too.
   */
  isOld(seen: ServiceObject): boolean {
    const now = this.#objects.get(seen.metadata.name);
    return now !== undefined && (now.metadata.uid !== seen.metadata.uid || now.metadata.generation !== seen.metadata.generation);
  }

  /** Deletes an object, if it is still the one that a person saw. */
  async delete(service: ServiceObject): Promise<void> {
    const { name } = service.metadata;
    if (this.isOld(service)) throw apiError('conflict', 'Somebody else changed it meanwhile. Look at it again first.');
    await this.#backend.send({ method: 'DELETE', path: `${SERVICES_PATH}/${encodeURIComponent(name)}` });
    this.#objects.delete(name);
    this.#show();
  }

  async #ask(): Promise<void> {
    if (this.following) return;
    try {
      await this.#read();
    } catch {
      // What is wrong stands in `failure`.
    }
  }

  /** Reads all; gives from where a watch goes on. */
  async #read(): Promise<string> {
    try {
      const { items, metadata } = await this.#backend.send<ServiceList>({ method: 'GET', path: SERVICES_PATH });
      this.#objects = new Map(items.map((item) => [item.metadata.name, item]));
      this.failure = null;
      this.#show();
      return metadata?.resourceVersion ?? '';
    } catch (thrown) {
      this.failure = toApiError(thrown);
      throw this.failure;
    }
  }

  async #follow(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    let from: string;
    try {
      from = await this.#read();
    } catch {
      this.#retry(turn);
      return;
    }
    if (turn !== this.#turn || this.#watchers === 0) return;
    this.following = true;
    const since = from === '' ? '' : `&resourceVersion=${encodeURIComponent(from)}`;
    this.#watch = this.#backend.follow(`${SERVICES_PATH}?watch=1${since}`, {
      line: (text) => this.#take(text),
      end: () => this.#retry(turn),
    });
  }

  #take(text: string): void {
    let event: ServiceEvent;
    try {
      event = JSON.parse(text) as ServiceEvent;
    } catch {
      return;
    }
    // What is forgotten is read anew when the watch ends.
    if (event.type === 'ERROR') return;
    this.#broken = 0;
    if (event.type === 'DELETED') this.#objects.delete(event.object.metadata.name);
    else if (isNewer(event.object, this.#objects.get(event.object.metadata.name))) this.#objects.set(event.object.metadata.name, event.object);
    this.#show();
  }

  #retry(turn: number): void {
    if (turn !== this.#turn || this.#watchers === 0) return;
    this.following = false;
    this.#watch = null;
    const wait = AGAIN_MS[Math.min(this.#broken, AGAIN_MS.length - 1)];
    this.#broken += 1;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.#follow(), wait);
  }

  #show(): void {
    this.list = [...this.#objects.values()].sort((a, b) => serviceState(a).rank - serviceState(b).rank || addressOf(a).localeCompare(addressOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1));
  }
}

/** Another life of an object is always newer. */
function isNewer(object: ServiceObject, held: ServiceObject | undefined): boolean {
  return held === undefined || held.metadata.uid !== object.metadata.uid || Number(object.metadata.resourceVersion ?? 0) >= Number(held.metadata.resourceVersion ?? 0);
}
