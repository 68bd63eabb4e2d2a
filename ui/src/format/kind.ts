/** Tags of kinds that are not words. */
const WORDS: Record<string, string> = {
  'group:process:name': 'processes of a name',
  'group:process:unit': 'processes of a unit',
  'group:container:docker_container_hostname': 'containers of a DNS name',
  container_image: 'image',
  persistent_volume_claim: 'volume claim',
  ecs_task: 'ECS task',
  ecs_service: 'ECS service',
  swarm_service: 'Swarm service',
  pseudo: 'outside',
  everything: '',
};

/** A node's kind as a person would say it. */
export function kindWord(kind: string): string {
  const known = WORDS[kind];
  if (known !== undefined) return known;
  if (kind.startsWith('group:')) return `${kindWord(kind.split(':')[1] ?? '')} group`.trim();
  return kind.replaceAll('_', ' ');
}
