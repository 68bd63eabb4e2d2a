import { type Backend, toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import type { RunReport } from '../generated/RunReport';
import type { SubscriptionView } from '../generated/SubscriptionView';
import type { TaskCheck } from '../generated/TaskCheck';
import type { TaskDetails } from '../generated/TaskDetails';
import type { TaskInfo } from '../generated/TaskInfo';
import { Poll } from './poll';
import { TASKS_PATH, taskState } from './task';

/** Beat of the count in the status bar. */
const LIST_EVERY_MS = 10_000;
/** Beat of a page that is open. */
const OPEN_EVERY_MS = 1000;

function pathOf(id: string, rest = ''): string {
  return `${TASKS_PATH}/${encodeURIComponent(id)}${rest}`;
}

/** What is collected by itself: tasks, looked at every second while they are shown. */
export class Tasks {
  /** Worst first; null until they are known. */
  list = $state.raw<TaskInfo[] | null>(null);
  failure = $state.raw<ApiError | null>(null);
  /** The one whose details are open. */
  open = $state.raw<TaskDetails | null>(null);
  subscription = $state.raw<SubscriptionView | null>(null);
  #backend: Backend;
  #poll: Poll;
  #fast: Poll;
  #wanted = '';

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#poll = new Poll(() => this.#ask(), LIST_EVERY_MS);
    this.#fast = new Poll(async () => {
      await Promise.all([this.#ask(), this.#askOpen()]);
    }, OPEN_EVERY_MS);
  }

  start(): () => void {
    this.#poll.start();
    return () => this.#poll.stop();
  }

  /** Looks every second. Returns how to stop. */
  watch(): () => void {
    this.#fast.start();
    return () => this.#fast.stop();
  }

  /** Whose details are shown; empty for none. */
  show(id: string): void {
    if (this.#wanted === id) return;
    this.#wanted = id;
    if (this.open?.id !== id) {
      this.open = null;
      this.subscription = null;
    }
    this.#fast.refresh();
  }

  /** Everything that is wrong with a manifest and what is to be known of it, all at once; nothing is made. */
  check(manifest: string): Promise<TaskCheck> {
    return this.#backend.send({ method: 'POST', path: `${TASKS_PATH}/dry-run`, mediaType: 'application/yaml', body: manifest });
  }

  create(manifest: string, start: boolean): Promise<TaskInfo> {
    return this.#change({ method: 'POST', path: `${TASKS_PATH}?start=${start}`, mediaType: 'application/yaml', body: manifest });
  }

  /** Changes a task in place, if it is still the one that a person saw. */
  update(id: string, generation: number, manifest: string): Promise<TaskInfo> {
    return this.#change({ method: 'PUT', path: pathOf(id, `?generation=${generation}`), mediaType: 'application/yaml', body: manifest });
  }

  order(id: string, verb: 'start' | 'stop' | 'enable'): Promise<TaskInfo> {
    return this.#change({ method: 'POST', path: pathOf(id, `/${verb}`) });
  }

  /** Runs it once, now, and tells how that went. */
  run(id: string): Promise<RunReport> {
    return this.#change({ method: 'POST', path: pathOf(id, '/run') });
  }

  async remove(id: string): Promise<void> {
    await this.#change({ method: 'DELETE', path: pathOf(id) });
  }

  async #change<T>(request: Parameters<Backend['send']>[0]): Promise<T> {
    const answer = await this.#backend.send<T>(request);
    this.#poll.refresh();
    this.#fast.refresh();
    return answer;
  }

  async #ask(): Promise<void> {
    try {
      const list = await this.#backend.send<TaskInfo[]>({ method: 'GET', path: TASKS_PATH });
      this.list = list.sort((a, b) => taskState(a).rank - taskState(b).rank || a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
      this.failure = null;
    } catch (thrown) {
      this.failure = toApiError(thrown);
    }
  }

  async #askOpen(): Promise<void> {
    const id = this.#wanted;
    if (id === '') return;
    try {
      const [open, subscription] = await Promise.all([
        this.#backend.send<TaskDetails>({ method: 'GET', path: pathOf(id) }),
        // A stopped task is subscribed to nothing.
        this.#backend.send<SubscriptionView>({ method: 'GET', path: pathOf(id, '/subscription') }).catch(() => null),
      ]);
      if (this.#wanted !== id) return;
      this.open = open;
      this.subscription = subscription;
    } catch {
      // It is gone; the list says so.
      if (this.#wanted === id) this.open = null;
    }
  }
}
