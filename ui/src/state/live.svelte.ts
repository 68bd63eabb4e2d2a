import type { Api } from '../backend/api';
import { toApiError } from '../backend/backend';
import type { ApiError } from '../generated/ApiError';
import type { PluginInfo } from '../generated/PluginInfo';
import type { SearchHit } from '../generated/SearchHit';
import type { SourceStatus } from '../generated/SourceStatus';
import type { Status } from '../generated/Status';
import type { TopologyInfo } from '../generated/TopologyInfo';
import { Poll } from './poll';

const STATUS_EVERY_MS = 2000;
const PLUGINS_EVERY_MS = 1500;
const TOPOLOGIES_EVERY_MS = 3000;
const HOSTS_EVERY_MS = 10_000;
const MAX_HOSTS = 100;

/** What is known of the instance: its state, plugins, topologies and hosts, kept fresh. */
export class Live {
  status = $state.raw<Status | null>(null);
  plugins = $state.raw<PluginInfo[] | null>(null);
  topologies = $state.raw<TopologyInfo[] | null>(null);
  hosts = $state.raw<SearchHit[]>([]);
  /** Why the engine cannot be asked at the moment. */
  lost = $state.raw<ApiError | null>(null);
  /** The moment that the topologies' counts are of. */
  #at: number | null = null;
  #api: Api;
  #polls: Poll[];
  #topologyPoll: Poll;
  #pluginPoll: Poll;

  constructor(api: Api) {
    this.#api = api;
    this.#topologyPoll = new Poll(() => this.#askTopologies(), TOPOLOGIES_EVERY_MS);
    this.#pluginPoll = new Poll(() => this.#ask(() => this.#askPlugins()), PLUGINS_EVERY_MS);
    this.#polls = [
      new Poll(() => this.#askStatus(), STATUS_EVERY_MS),
      this.#pluginPoll,
      this.#topologyPoll,
      new Poll(() => this.#ask(() => this.#askHosts()), HOSTS_EVERY_MS),
    ];
  }

  start(): () => void {
    for (const poll of this.#polls) poll.start();
    return () => {
      for (const poll of this.#polls) poll.stop();
    };
  }

  setAt(at: number | null): void {
    if (at === this.#at) return;
    this.#at = at;
    this.#topologyPoll.refresh();
  }

  async retryPlugin(path: string): Promise<void> {
    this.plugins = await this.#api.retryPlugin(path);
  }

  refreshPlugins(): void {
    this.#pluginPoll.refresh();
  }

  /** Sources that cannot do their work, or not all of it. */
  get limitedSources(): SourceStatus[] {
    return (this.status?.sources ?? []).filter((source) => source.state === 'limited' || source.state === 'failed');
  }

  async #askStatus(): Promise<void> {
    try {
      this.status = await this.#api.status();
      this.lost = null;
    } catch (thrown) {
      this.lost = toApiError(thrown);
    }
  }

  async #askTopologies(): Promise<void> {
    const at = this.#at;
    await this.#ask(async () => {
      const list = await this.#api.topologies(at);
      if (at === this.#at) this.topologies = list;
    });
  }

  async #askPlugins(): Promise<void> {
    this.plugins = await this.#api.plugins();
  }

  async #askHosts(): Promise<void> {
    const { hits } = await this.#api.search('kind:host', MAX_HOSTS);
    this.hosts = hits.filter((hit) => hit.kind === 'host');
  }

  /** Runs a question whose failure the status poll reports; the old answer stays. */
  async #ask(question: () => Promise<void>): Promise<void> {
    try {
      await question();
    } catch {
      // The status poll says what is wrong, once for all questions.
    }
  }
}
