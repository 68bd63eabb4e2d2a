import { DEGRADED, FAILING, INSTANCE_WORDS, isUnderWay, NEEDS_CONFIG, operationNow, sentence, SOCKET_WORDS, type StateWord, statusReason, type Tone } from '../format/plugin';
import type { InstanceState } from '../generated/InstanceState';
import type { ManagedPlugin } from '../generated/ManagedPlugin';
import type { OperationView } from '../generated/OperationView';
import type { PluginInfo } from '../generated/PluginInfo';

/** A plugin as the window shows it: once, whether Orrery runs it, only hears it, or both. */
export interface PluginEntry {
  /** The id; the path for sockets whose id is taken or none. */
  key: string;
  id: string;
  label: string;
  description: string;
  /** What Orrery runs; null for what others run. */
  managed: ManagedPlugin | null;
  /** The socket that is in use. */
  socket: PluginInfo | null;
  /** Other sockets with the same id, which are not used. */
  others: PluginInfo[];
  /** What is being done to it. */
  operation: OperationView | null;
  state: StateWord;
  /** What is wrong, as a sentence; empty when nothing is. */
  reason: string;
  /** Something to know that does not stop it: another socket with its id. */
  note: string;
  /** When it is tried next, in milliseconds since the epoch. */
  nextMs: number | null;
}

/** How the engine begins when what is lacking is config. */
const NEEDS = /^it needs config\b:?\s*/i;

/** States that something is wrong with and that a person should read about. */
const TROUBLE: ReadonlySet<InstanceState> = new Set(['crash_loop', 'backoff', 'crashed', 'execution_failed', 'unresponsive']);

/** True for plugins that do not deliver. */
export function isTroubled(entry: PluginEntry): boolean {
  return entry.state.tone === 'error';
}

function noteOf(others: readonly PluginInfo[]): string {
  const [first, ...rest] = others;
  if (!first) return '';
  const more = rest.length > 0 ? ` and ${rest.length} more` : '';
  return `Another socket has this id and is not used: ${first.path}${more}.`;
}

/** Plugins and sockets, merged by id, worst first. */
export function entriesOf(managed: readonly ManagedPlugin[], sockets: readonly PluginInfo[]): PluginEntry[] {
  const used = new Map<string, PluginInfo>();
  const others = new Map<string, PluginInfo[]>();
  for (const socket of sockets) {
    if (socket.state === 'rejected') continue;
    if (socket.state !== 'conflict' && !used.has(socket.id)) used.set(socket.id, socket);
    else others.set(socket.id, [...(others.get(socket.id) ?? []), socket]);
  }
  const entries = managed.map((plugin) => managedEntry(plugin, used.get(plugin.id) ?? null, others.get(plugin.id) ?? []));
  const known = new Set(managed.map((plugin) => plugin.id));
  for (const [id, socket] of used) {
    if (known.has(id)) continue;
    known.add(id);
    entries.push(externalEntry(socket, id, others.get(id) ?? []));
  }
  for (const socket of sockets) {
    const alone = socket.state === 'rejected' || !known.has(socket.id);
    if (alone) entries.push(externalEntry(socket, socket.path, []));
  }
  return entries.sort((a, b) => a.state.rank - b.state.rank || a.label.localeCompare(b.label) || (a.key < b.key ? -1 : 1));
}

function managedEntry(plugin: ManagedPlugin, socket: PluginInfo | null, others: PluginInfo[]): PluginEntry {
  const { instance } = plugin;
  const operation = plugin.operation && isUnderWay(plugin.operation) ? plugin.operation : null;
  const state = managedState(plugin, operation);
  const nextMs = TROUBLE.has(instance.state) ? instance.next_try_ms : null;
  return {
    key: plugin.id,
    id: plugin.id,
    label: plugin.label || plugin.id,
    description: plugin.description || socket?.description || '',
    managed: plugin,
    socket,
    others,
    operation,
    state,
    reason: state.tone === 'error' || state.tone === 'warn' ? troubleOf(plugin, socket) : '',
    note: noteOf(others),
    nextMs,
  };
}

/** Operations that change what is installed; starts and stops have states of their own. */
const LARGE = new Set(['install', 'upgrade', 'rollback', 'remove', 'configure']);

function managedState(plugin: ManagedPlugin, operation: OperationView | null): StateWord {
  if (operation && LARGE.has(operation.kind)) return { word: operationNow(operation.kind), icon: operation.kind === 'remove' ? 'remove' : 'download', tone: 'busy', rank: 8 };
  const { state, health } = plugin.instance;
  if (state === 'running' && health.state === 'failing') return FAILING;
  if (state === 'running' && health.state === 'degraded') return DEGRADED;
  if (state === 'inapplicable' && NEEDS.test(plugin.instance.reason)) return NEEDS_CONFIG;
  if (state === 'idle' && plugin.activation === 'on-demand') return { ...INSTANCE_WORDS.idle, word: 'On demand' };
  if (state === 'idle' && plugin.activation === 'manual') return { ...INSTANCE_WORDS.idle, word: 'Manual' };
  return INSTANCE_WORDS[state];
}

/** Why a plugin does not deliver, from whoever knows best. */
function troubleOf(plugin: ManagedPlugin, socket: PluginInfo | null): string {
  const { instance } = plugin;
  const wrote = TROUBLE.has(instance.state) ? (instance.last_exit?.last_lines.findLast((line) => line.trim() !== '')?.trim() ?? '') : '';
  if (instance.reason) {
    const said = sentence(instance.reason.split('\n')[0]?.replace(NEEDS, '') ?? '');
    // A reason that is the bare end says little; what was written before it says more.
    return said === sentence(instance.last_exit?.text.split('\n')[0] ?? '') ? withLastLine(said, wrote) : said;
  }
  if (TROUBLE.has(instance.state) && instance.last_exit) return withLastLine(sentence(instance.last_exit.text.split('\n')[0] ?? ''), wrote);
  const said = instance.health.checks.at(-1)?.messages.join(' ') ?? '';
  return sentence(said) || (socket ? statusReason(socket) : '');
}

/** What a program wrote last often is the reason itself. */
function withLastLine(said: string, wrote: string): string {
  return wrote === '' || said.includes(wrote) ? said : `${said} It wrote: ${wrote}`;
}

function externalEntry(socket: PluginInfo, key: string, others: PluginInfo[]): PluginEntry {
  const state = SOCKET_WORDS[socket.state];
  const taken = socket.conflicts_with ? ` Taken by ${socket.conflicts_with}.` : '';
  return {
    key,
    id: socket.id,
    label: socket.label || socket.id,
    description: socket.description,
    managed: null,
    socket,
    others,
    operation: null,
    state,
    reason: state.tone === 'error' ? `${statusReason(socket)}${taken}` : '',
    note: noteOf(others),
    nextMs: socket.next_attempt_ms,
  };
}

/** States that are places to be in. */
const SUMMARY: Record<string, string> = { 'Back-off': 'in back-off', 'Crash loop': 'in a crash loop', 'Needs config': 'without config', 'Cannot run': 'not able to run', 'No answer': 'without answer' };

const TONES: Tone[] = ['ok', 'warn', 'error', 'busy', 'quiet'];

/** `4 running, 1 degraded, 1 back-off, 1 disabled`: what works, what does not, what rests. */
export function summaryOf(entries: readonly PluginEntry[]): string {
  const counts = new Map<string, number>();
  const sorted = [...entries].sort((a, b) => TONES.indexOf(a.state.tone) - TONES.indexOf(b.state.tone));
  for (const { state } of sorted) {
    const text = SUMMARY[state.word] ?? state.word;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, number]) => `${number} ${text.toLowerCase()}`).join(', ');
}

/** The entry that a link means: by key, id, or the path of a socket. */
export function findEntry(entries: readonly PluginEntry[], wanted: string): PluginEntry | null {
  if (wanted === '') return null;
  return entries.find((entry) => entry.key === wanted) ?? entries.find((entry) => entry.id === wanted || entry.socket?.path === wanted) ?? null;
}
