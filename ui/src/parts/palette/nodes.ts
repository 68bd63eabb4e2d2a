import { kindWord } from '../../format/kind';
import type { NodeDetails } from '../../generated/NodeDetails';
import type { SearchHit } from '../../generated/SearchHit';
import type { App } from '../../state/app.svelte';
import type { PaletteItem } from './commands';

const MAX_NODES = 6;
/** Nodes whose controls are looked up for "restart shop". */
const MAX_CONTROL_NODES = 3;

/** Nodes that match, as items that open their cards. */
export async function nodeItems(app: App, text: string): Promise<PaletteItem[]> {
  const { hits } = await app.api.search(text, MAX_NODES);
  return hits.slice(0, MAX_NODES).map((hit) => ({
    id: `node ${hit.id}`,
    section: 'Nodes',
    label: hit.label,
    aside: [kindWord(hit.kind), hit.field && !isInternal(hit.field) ? `${hit.field}: ${hit.value}` : hit.label_minor].filter(Boolean).join(' · '),
    shape: hit.shape,
    kind: hit.kind,
    run: () => app.router.go({ page: 'map', cards: [{ topology: hit.topology, id: hit.id }] }),
  }));
}

/** Fields that match without being something to read: ids and such. */
function isInternal(field: string): boolean {
  return /^(id|kind|topology|rank|source)s?$/i.test(field) || /[_~;]/.test(field);
}

/** "restart shop": controls that begin with the first word, on nodes that match the rest. */
export async function controlItems(app: App, text: string): Promise<PaletteItem[]> {
  const [verb = '', ...rest] = text.trim().split(/\s+/);
  if (rest.length === 0 || app.controlsOff) return [];
  const { hits } = await app.api.search(rest.join(' '), MAX_CONTROL_NODES);
  const nodes = await Promise.all(hits.slice(0, MAX_CONTROL_NODES).map((hit) => detailsOf(app, hit)));
  return nodes
    .filter((node) => node !== null)
    .flatMap((node) => {
      const host = node.parents.find((parent) => parent.topology === 'hosts')?.label ?? '';
      return node.controls
        .filter((control) => control.human.toLowerCase().startsWith(verb.toLowerCase()))
        .map((control) => ({
          id: `control ${control.id} ${node.id}`,
          section: 'Controls',
          label: `${control.human} ${node.label}${control.confirmation ? '…' : ''}`,
          aside: control.confirmation ? [host, 'asks first'].filter(Boolean).join(' · ') : host,
          icon: 'play',
          run: () => {
            app.router.go({ page: 'map', cards: [{ topology: node.topology, id: node.id }] });
            app.press(node, host, control);
          },
        }));
    });
}

/** A hit that is gone by now has no controls to offer. */
async function detailsOf(app: App, hit: SearchHit): Promise<NodeDetails | null> {
  try {
    return await app.api.details(hit.topology, hit.id, null);
  } catch {
    return null;
  }
}
