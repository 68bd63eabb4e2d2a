import type { HealthState } from '../generated/HealthState';
import type { InstanceState } from '../generated/InstanceState';
import type { OperationView } from '../generated/OperationView';
import type { PluginInfo } from '../generated/PluginInfo';
import type { PluginState } from '../generated/PluginState';
import type { StepView } from '../generated/StepView';
import { fileSize, GAP } from './number';

/** How good or bad a state is; each has its own mark besides its colour. */
export type Tone = 'ok' | 'quiet' | 'busy' | 'warn' | 'error';

/** A state in a word, with its mark. */
export interface StateWord {
  word: string;
  icon: string;
  tone: Tone;
  /** Lower is worse and comes first. */
  rank: number;
}

function word(rank: number, tone: Tone, icon: string, text: string): StateWord {
  return { word: text, icon, tone, rank };
}

/** Sockets that Orrery does not run. */
export const SOCKET_WORDS: Record<PluginState, StateWord> = {
  failing: word(2, 'error', 'retry', 'Failing'),
  conflict: word(7, 'error', 'warning', 'Conflict'),
  rejected: word(7, 'error', 'warning', 'Rejected'),
  connecting: word(11, 'quiet', 'clock', 'Connecting'),
  ok: word(12, 'ok', 'check', 'Running'),
};

/** Programs that Orrery runs. */
export const INSTANCE_WORDS: Record<InstanceState, StateWord> = {
  crash_loop: word(0, 'error', 'retry', 'Crash loop'),
  backoff: word(1, 'error', 'retry', 'Back-off'),
  crashed: word(1, 'error', 'close', 'Crashed'),
  execution_failed: word(3, 'error', 'close', 'Failed'),
  unresponsive: word(3, 'error', 'warning', 'No answer'),
  starting: word(10, 'busy', 'clock', 'Starting'),
  stopping: word(11, 'busy', 'clock', 'Stopping'),
  running: word(12, 'ok', 'check', 'Running'),
  idle: word(13, 'quiet', 'clock', 'Idle'),
  completed: word(14, 'quiet', 'check', 'Completed'),
  absent: word(15, 'quiet', 'minus', 'Not started'),
  stopped: word(16, 'quiet', 'stop', 'Stopped'),
  inapplicable: word(6, 'warn', 'warning', 'Cannot run'),
  disabled: word(18, 'quiet', 'minus', 'Disabled'),
};

export const FAILING = word(4, 'error', 'warning', 'Failing');
/** It is there, and waits for values that only a person knows. */
export const NEEDS_CONFIG = word(6, 'warn', 'edit', 'Needs config');
export const DEGRADED = word(5, 'warn', 'warning', 'Degraded');

export const HEALTH_WORDS: Record<HealthState, string> = { unknown: 'Unknown', ok: 'Ok', degraded: 'Degraded', failing: 'Failed' };

/** What an operation does, now and in the past: `Installing`, `Install`. */
const KIND_WORDS: Record<string, [now: string, noun: string]> = {
  install: ['Installing', 'Install'],
  upgrade: ['Upgrading', 'Upgrade'],
  rollback: ['Rolling back', 'Rollback'],
  remove: ['Removing', 'Removal'],
  start: ['Starting', 'Start'],
  stop: ['Stopping', 'Stop'],
  restart: ['Restarting', 'Restart'],
  enable: ['Enabling', 'Enabling'],
  disable: ['Disabling', 'Disabling'],
  configure: ['Applying config', 'Change of config'],
  dismiss: ['Dismissing', 'Dismissal'],
};

export function operationNow(kind: string): string {
  return KIND_WORDS[kind]?.[0] ?? capital(kind);
}

export function operationNoun(kind: string): string {
  return KIND_WORDS[kind]?.[1] ?? capital(kind);
}

const STEP_WORDS: Record<string, string> = {
  fetch: 'fetching the package',
  upload: 'sending the package',
  verify: 'checking the signature',
  unpack: 'unpacking',
  start: 'waiting for the first report',
  switch: 'switching over',
  probation: 'on probation',
  stop: 'stopping',
  delete: 'deleting files',
  commit: 'finishing',
};

export function stepWord(id: string): string {
  return STEP_WORDS[id] ?? id;
}

export function isUnderWay(operation: Pick<OperationView, 'state'>): boolean {
  return operation.state === 'queued' || operation.state === 'running';
}

/** Where an operation is, as shown over its bar. */
export interface Progress {
  /** `Step 3 of 5: unpacking` */
  step: string;
  /** `4.1 of 6.8 MB`; empty where nothing counts. */
  bytes: string;
  /** 0 to 1; null when it cannot be said. */
  share: number | null;
}

export function progressOf(operation: Pick<OperationView, 'state' | 'steps'>): Progress {
  if (operation.state === 'queued') return { step: 'Waiting for its turn', bytes: '', share: 0 };
  const at = operation.steps.findIndex((step) => step.state === 'running' || step.state === 'failed');
  const current = operation.steps[at];
  if (!current) return { step: 'Beginning', bytes: '', share: null };
  const of = operation.steps.length;
  const text = current.text || stepWord(current.id);
  return { step: of > 1 ? `Step ${at + 1} of ${of}: ${text}` : capital(text), bytes: bytesOf(current), share: (at + (shareOf(current) ?? 0)) / of };
}

function shareOf(step: StepView): number | null {
  if (step.done_bytes === null || !step.total_bytes) return null;
  return Math.min(1, step.done_bytes / step.total_bytes);
}

function bytesOf(step: StepView): string {
  return step.done_bytes === null ? '' : bytesWords(step.done_bytes, step.total_bytes);
}

/** `4.1 of 6.8 MB`: the unit is said once where both have the same. */
export function bytesWords(doneBytes: number, totalBytes: number | null): string {
  const done = fileSize(doneBytes);
  if (!totalBytes) return done;
  const total = fileSize(totalBytes);
  const unit = /[^\d.\s\u2005]+$/.exec(total)?.[0] ?? '';
  return `${unit && done.endsWith(unit) ? done.slice(0, -unit.length).trimEnd() : done} of ${total}`;
}

/** The status without Scope's prefix, as a sentence. */
export function statusReason(plugin: PluginInfo): string {
  const text = plugin.status.replace(/^error:\s*/, '').trim();
  return text === '' || text === 'ok' ? '' : sentence(text);
}

/** With a capital and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  return /[.!?]$/.test(trimmed) ? capital(trimmed) : `${capital(trimmed)}.`;
}

/** A text of the engine's: a sentence, and what a program wrote last. */
export interface SaidText {
  said: string;
  output: string[];
}

/** Reasons carry a program's last lines after their own first one. */
export function saidText(text: string): SaidText {
  const [first = '', ...output] = text.split('\n');
  return { said: sentence(first), output: output.filter((line) => line.trim() !== '') };
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** For the middle of a sentence: `back-off`; what is written in capitals stays. */
export function lowerFirst(text: string): string {
  return /^[A-Z]{2}/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** `valid:release-key` and the like in words, and whether that is good. */
export function signatureWords(signature: string): { text: string; good: boolean } {
  const [state, key] = [signature.split(':')[0] ?? '', signature.includes(':') ? signature.slice(signature.indexOf(':') + 1) : ''];
  if (state === 'valid') return { text: key ? `signed by ${key}` : 'signed', good: true };
  if (state === 'unsigned') return { text: 'not signed', good: false };
  if (state === 'off' || state === '') return { text: 'signature not looked at', good: false };
  return { text: signature, good: false };
}

const LIMIT_NAMES: Record<string, string> = { memory: 'Memory', cpu: 'CPU', pids: 'Processes', open_files: 'Open files' };

export function limitName(id: string): string {
  return LIMIT_NAMES[id] ?? capital(id.replaceAll('_', ' '));
}

/** A limit as its manifest writes it, with a gap before the unit: `64 MiB`, `50 %`. */
export function limitValue(value: string): string {
  return value.replace(/^([\d.]+)\s*([^\d\s.].*)$/, `$1${GAP}$2`);
}
