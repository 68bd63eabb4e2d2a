import type { ControlOutcome } from '../generated/ControlOutcome';
import type { Event } from '../generated/Event';
import type { HistorySeries } from '../generated/HistorySeries';
import type { NodeDetails } from '../generated/NodeDetails';
import type { PluginInfo } from '../generated/PluginInfo';
import type { SearchResult } from '../generated/SearchResult';
import type { SeriesInfo } from '../generated/SeriesInfo';
import type { Status } from '../generated/Status';
import type { TopologyInfo } from '../generated/TopologyInfo';
import type { ViewSpec } from '../generated/ViewSpec';
import type { Backend } from './backend';

/** Times are in milliseconds since the epoch; `at` null is live. */
export class Api {
  constructor(readonly backend: Backend) {}

  status(): Promise<Status> {
    return this.backend.call({ op: 'status' });
  }

  topologies(at: number | null): Promise<TopologyInfo[]> {
    return this.backend.call({ op: 'topologies', at_ms: at });
  }

  details(topology: string, node: string, at: number | null): Promise<NodeDetails> {
    return this.backend.call({ op: 'details', topology, node, at_ms: at });
  }

  search(query: string, limit: number): Promise<SearchResult> {
    return this.backend.call({ op: 'search', query, limit });
  }

  control(node: string, control: string): Promise<ControlOutcome> {
    return this.backend.call({ op: 'control', node, control, args: {}, force: false });
  }

  history(node: string, metric: string, from: number, to: number, maxPoints: number): Promise<HistorySeries> {
    return this.backend.call({
      op: 'history',
      node,
      metric,
      from_ms: Math.round(from),
      to_ms: Math.round(to),
      max_points: maxPoints,
    });
  }

  historySeries(node: string): Promise<SeriesInfo[]> {
    return this.backend.call({ op: 'history_series', node });
  }

  events(from: number, to: number, limit: number): Promise<Event[]> {
    return this.backend.call({ op: 'events', from_ms: Math.round(from), to_ms: Math.round(to), limit });
  }

  plugins(): Promise<PluginInfo[]> {
    return this.backend.call({ op: 'plugins' });
  }

  retryPlugin(path: string): Promise<PluginInfo[]> {
    return this.backend.call({ op: 'retry_plugin', path });
  }

  rearrange(spec: ViewSpec): Promise<null> {
    return this.backend.call({ op: 'rearrange', spec });
  }
}
