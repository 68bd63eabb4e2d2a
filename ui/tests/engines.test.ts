import { expect, test } from 'vitest';

import { kindWord } from '../src/format/kind';
import type { SourceStatus } from '../src/generated/SourceStatus';
import type { TopologyInfo } from '../src/generated/TopologyInfo';
import { missingEngine } from '../src/parts/engines';

const STATS = { node_count: 0, nonpseudo_node_count: 0, edge_count: 0, filtered_nodes: 3 };

function topology(kind: string): TopologyInfo {
  return { id: 'x', parent: null, name: 'X', kind, shape: 'hexagon', rank: 0, hide_if_empty: false, options: [], stats: STATS };
}

function source(id: string, state: SourceStatus['state']): SourceStatus {
  return { id, label: id, state, summary: '', looked_at: '', limited_by: '', remedy: '' };
}

test('an empty view of containers says whether any engine was looked for, and found', () => {
  const title = (kind: string, sources: SourceStatus[], plugins: string[] = []) => missingEngine(topology(kind), sources, plugins)?.title ?? null;
  const processes = source('probe:process', 'ok');
  expect(title('container', [processes])).toBe('No container engine is looked at');
  expect(title('container_image', [processes, source('probe:docker', 'absent')])).toBe('No container engine was found');
  expect(title('group:container:docker_container_hostname', [source('probe:docker', 'failed')])).toBe('No container engine was found');
  expect(title('container', [source('probe:docker', 'absent'), source('probe:podman', 'ok')])).toBeNull();
  expect(title('container', [processes], ['docker Docker'])).toBeNull();
  expect(title('pod', [processes])).toBe('No Kubernetes cluster is looked at');
  expect(title('process', [])).toBeNull();
  expect(missingEngine(null, [], [])).toBeNull();
});

test('kinds are said in words', () => {
  const tags = ['process', 'container_image', 'group:process:name', 'group:container:docker_container_hostname', 'group:pod:x', 'replica_set', 'pseudo'];
  expect(tags.map(kindWord)).toEqual(['process', 'image', 'processes of a name', 'containers of a DNS name', 'pod group', 'replica set', 'outside']);
  for (const tag of tags) expect(kindWord(tag)).not.toMatch(/[_:]/);
});
