import type { ManagedPlugin } from '../../generated/ManagedPlugin';
import type { RevisionView } from '../../generated/RevisionView';
import type { App } from '../../state/app.svelte';

/** Asks before going back to a revision that is kept. */
export function askRollback(app: App, plugin: ManagedPlugin, revision: RevisionView): void {
  const name = plugin.label || plugin.id;
  app.ask({
    title: `Roll ${name} back to ${revision.version}?`,
    body: `${plugin.current?.version ?? 'The present revision'} runs until ${revision.version} answers, and is kept.`,
    verb: `Roll back to ${revision.version}`,
    destructive: false,
    run: () => void app.plugins.order({ order: 'rollback', plugin: plugin.id, version: revision.version }, `Roll ${name} back to ${revision.version}`),
  });
}

/** Asks before removing a plugin, and whether its state is to stay. */
export function askRemove(app: App, plugin: ManagedPlugin): void {
  const name = plugin.label || plugin.id;
  const ours = plugin.origin === 'managed';
  app.ask({
    title: `Remove ${name} from ${app.live.status?.hostname ?? 'this machine'}?`,
    body: ours ? 'Its process is stopped, and its revisions and config are deleted.' : 'Its process is stopped and Orrery forgets it. Its files stay.',
    verb: `Remove ${name}`,
    option: 'Keep its state directory',
    run: (keep) => void app.plugins.order({ order: 'remove', plugin: plugin.id, keep_state: keep, force: false }, `Remove ${name}`),
  });
}
