import type { ControlOutcome } from '../generated/ControlOutcome';
import type { Event } from '../generated/Event';
import type { HistorySeries } from '../generated/HistorySeries';
import type { LogPage } from '../generated/LogPage';
import type { ManagedPlugin } from '../generated/ManagedPlugin';
import type { NodeDetails } from '../generated/NodeDetails';
import type { OperationView } from '../generated/OperationView';
import type { PluginInfo } from '../generated/PluginInfo';
import type { PluginOrder } from '../generated/PluginOrder';
import type { RejectedPackage } from '../generated/RejectedPackage';
import type { SearchResult } from '../generated/SearchResult';
import type { SeriesInfo } from '../generated/SeriesInfo';
import type { Status } from '../generated/Status';
import type { TopologyInfo } from '../generated/TopologyInfo';
import type { UsagePoint } from '../generated/UsagePoint';
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

  /** Tells a terminal's far end how large it is. The control is named by the pipe, not listed on the node. */
  resizeTerminal(node: string, control: string, pipe: string, columns: number, rows: number): Promise<ControlOutcome> {
    return this.backend.call({ op: 'control', node, control, args: { pipeID: pipe, width: String(columns), height: String(rows) }, force: true });
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

  managedPlugins(): Promise<ManagedPlugin[]> {
    return this.backend.call({ op: 'managed_plugins' });
  }

  /** Orders something of a plugin and does not wait for its end. */
  order(order: PluginOrder): Promise<OperationView> {
    return this.backend.call({ op: 'plugin_order', order, wait: false });
  }

  operations(limit: number): Promise<OperationView[]> {
    return this.backend.call({ op: 'operations', limit });
  }

  cancelOperation(id: string): Promise<OperationView> {
    return this.backend.call({ op: 'cancel_operation', id });
  }

  pluginLogs(plugin: string, after: number, limit: number): Promise<LogPage> {
    return this.backend.call({ op: 'plugin_logs', plugin, after, limit });
  }

  pluginUsage(plugin: string, after: number): Promise<UsagePoint[]> {
    return this.backend.call({ op: 'plugin_usage', plugin, after });
  }

  rejectedPackages(): Promise<RejectedPackage[]> {
    return this.backend.call({ op: 'rejected_packages' });
  }

  rearrange(spec: ViewSpec): Promise<null> {
    return this.backend.call({ op: 'rearrange', spec });
  }
}
