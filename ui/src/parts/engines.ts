import type { SourceStatus } from '../generated/SourceStatus';
import type { TopologyInfo } from '../generated/TopologyInfo';

/** What could report the nodes of a view, in words, and how its sources are told. */
interface Engine {
  kind: RegExp;
  source: RegExp;
  /** `container engine` */
  name: string;
  nodes: string;
}

const ENGINES: Engine[] = [
  { kind: /^(container|swarm)/, source: /docker|podman|containerd|container|\bcri\b|crio/i, name: 'container engine', nodes: 'Containers' },
  { kind: /^(pod|deployment|service|kube|replica|daemon|stateful|job|cron|persistent|storage|namespace)/, source: /kube|k8s/i, name: 'Kubernetes cluster', nodes: 'Pods' },
  { kind: /^ecs/, source: /ecs|aws/i, name: 'ECS cluster', nodes: 'Tasks' },
];

/** Why a view of containers, pods and the like has none: nobody looks for them, or nobody found any. */
export interface Missing {
  title: string;
  text: string;
  /** Where it was looked. */
  tried: SourceStatus[];
}

/** Null when the view needs nothing of the kind, or something of the kind does report; `plugins` are names of plugins that do. */
export function missingEngine(topology: TopologyInfo | null, sources: readonly SourceStatus[], plugins: readonly string[]): Missing | null {
  const engine = ENGINES.find(({ kind }) => topology !== null && kind.test(topology.kind.replace(/^group:/, '')));
  if (!engine) return null;
  if (plugins.some((plugin) => engine.source.test(plugin))) return null;
  const tried = sources.filter((source) => source.id !== 'plugins' && engine.source.test(`${source.id} ${source.label}`));
  if (tried.some((source) => source.state === 'ok' || source.state === 'limited')) return null;
  if (tried.length > 0) return { title: `No ${engine.name} was found`, text: `${engine.nodes} show up here as soon as one answers. This is where Orrery looked.`, tried };
  return {
    title: `No ${engine.name} is looked at`,
    text: `Nothing that reports to Orrery looks for a ${engine.name}. ${engine.nodes} come from a plugin or from a Scope probe that does.`,
    tried: [],
  };
}
