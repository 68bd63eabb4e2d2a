import type { TopologyInfo } from '../../generated/TopologyInfo';
import type { TopologyOption } from '../../generated/TopologyOption';

function one(id: string, standard: string, values: [string, string][]): TopologyOption {
  return {
    id,
    default_value: standard,
    select_type: 'one',
    none_label: '',
    values: values.map(([value, label]) => ({ value, label })),
  };
}

const SYSTEM = one('system', 'application', [
  ['all', 'All'],
  ['system', 'System containers'],
  ['application', 'Application containers'],
]);
const STOPPED = one('stopped', 'running', [
  ['stopped', 'Stopped containers'],
  ['running', 'Running containers'],
  ['both', 'Both'],
]);
const UNCONNECTED = one('unconnected', 'show', [
  ['show', 'Show unconnected'],
  ['hide', 'Hide unconnected'],
]);
const NAMESPACE: TopologyOption = {
  id: 'namespace',
  default_value: '',
  select_type: 'union',
  none_label: 'All namespaces',
  values: [
    { value: 'default', label: 'default' },
    { value: 'kube-system', label: 'kube-system' },
  ],
};
const ALL = [SYSTEM, STOPPED, UNCONNECTED, NAMESPACE];

function topology(
  id: string,
  parent: string | null,
  name: string,
  kind: string,
  shape: string,
  nodes: number,
  edges: number,
  rank: number,
  options: TopologyOption[],
): TopologyInfo {
  return {
    id,
    parent,
    name,
    kind,
    shape,
    rank,
    hide_if_empty: id !== 'containers' && id !== 'hosts',
    options,
    stats: { node_count: nodes, nonpseudo_node_count: nodes, edge_count: edges, filtered_nodes: 0 },
  };
}

export const TOPOLOGIES: TopologyInfo[] = [
  topology('everything', null, 'Everything', 'everything', 'square', 36, 31, 0, ALL),
  topology('processes', null, 'Processes', 'process', 'square', 214, 61, 1, [UNCONNECTED]),
  topology('processes-by-name', 'processes', 'by name', 'process', 'square', 88, 40, 0, [UNCONNECTED]),
  topology('containers', null, 'Containers', 'container', 'hexagon', 13, 18, 2, [SYSTEM, STOPPED]),
  topology('containers-by-image', 'containers', 'by image', 'container_image', 'hexagon', 11, 14, 0, [SYSTEM, STOPPED]),
  topology('containers-by-hostname', 'containers', 'by DNS name', 'container', 'hexagon', 9, 12, 0, [SYSTEM, STOPPED]),
  topology('pods', null, 'Pods', 'pod', 'heptagon', 4, 4, 3, [NAMESPACE]),
  topology('kube-controllers', 'pods', 'Controllers', 'deployment', 'heptagon', 4, 4, 0, [NAMESPACE]),
  topology('services', 'pods', 'Services', 'service', 'heptagon', 3, 2, 0, [NAMESPACE]),
  topology('hosts', null, 'Hosts', 'host', 'circle', 2, 1, 4, []),
];
