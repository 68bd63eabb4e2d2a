import { capital, sentence } from '../format/plugin';
import { GAP } from '../format/number';
import type { PolicyRule } from '../generated/PolicyRule';

/** What is typed, by key; empty is "not set". */
export type Draft = Readonly<Record<string, string>>;

/** A secret's place: a variable of Orrery's environment or a file. The secret itself never passes through here. */
const SECRET_PLACE = /^(env:[A-Za-z0-9_]+|file:\/.+)$/;

const UNIT_SECONDS: Record<string, number> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Seconds of `1m30s`; null when it is no duration. */
export function durationSeconds(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|min|s|m|h|d)\s*/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return null;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNIT_SECONDS[unit ?? ''] ?? 0), 0);
}

/** A value as its field holds it. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return JSON.stringify(value);
}

/** The fields of a config that is in force. */
export function draftOf(rules: readonly PolicyRule[], structured: unknown): Draft {
  const held = objectOf(structured);
  return Object.fromEntries(rules.map((rule) => [rule.key, textOf(held[rule.key])]));
}

/** What a field means: its value, nothing, or why it means nothing. */
export type Reading = { value: unknown } | { error: string } | null;

export function readField(rule: PolicyRule, typed: string): Reading {
  const text = rule.type === 'string' ? typed : typed.trim();
  if (text === '') return rule.required && (rule.default === null || rule.default === undefined) ? { error: 'A value is needed.' } : null;
  switch (rule.type) {
    case 'bool':
      return text === 'true' || text === 'false' ? { value: text === 'true' } : { error: 'True or false.' };
    case 'integer':
      return /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? within(rule, Number(text), Number(text)) : { error: 'A whole number.' };
    case 'float':
      return Number.isFinite(Number(text)) ? within(rule, Number(text), Number(text)) : { error: 'A number.' };
    case 'duration': {
      const seconds = durationSeconds(text);
      return seconds === null ? { error: 'A duration such as 10s, 500ms or 1m30s.' } : within(rule, text, seconds);
    }
    case 'enum':
      return rule.values.includes(text) ? { value: text } : { error: `One of ${rule.values.join(', ')}.` };
    case 'secret':
      return SECRET_PLACE.test(text) ? { value: text } : { error: 'Where it is, not what it is: env:NAME or file:/PATH.' };
    case 'string':
      return within(rule, text, [...text].length);
  }
}

function within(rule: PolicyRule, value: unknown, size: number): Reading {
  const low = rule.min !== null && size < rule.min;
  const high = rule.max !== null && size > rule.max;
  return low || high ? { error: sentence(boundsWords(rule)) } : { value };
}

/** Bounds as an error says them: `between 1 and 1000`. */
function boundsWords(rule: PolicyRule): string {
  return rule.min !== null && rule.max !== null ? `between ${rule.min} and ${rule.max}${unitOf(rule)}` : boundsText(rule);
}

/** What the bounds of a type count. */
function unitOf(rule: PolicyRule): string {
  if (rule.type === 'duration') return `${GAP}s`;
  return rule.type === 'string' ? ' characters' : '';
}

/** `1 – 1000`, `at least 1`, with what is counted; empty without bounds. */
export function boundsText(rule: PolicyRule): string {
  const unit = unitOf(rule);
  if (rule.min !== null && rule.max !== null) return `${rule.min} – ${rule.max}${unit}`;
  if (rule.min !== null) return `at least ${rule.min}${unit}`;
  return rule.max !== null ? `at most ${rule.max}${unit}` : '';
}

/** All errors at once, by key. */
export function errorsOf(rules: readonly PolicyRule[], draft: Draft): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const rule of rules) {
    const reading = readField(rule, draft[rule.key] ?? '');
    if (reading && 'error' in reading) errors[rule.key] = reading.error;
  }
  return errors;
}

/** The config that the fields make; keys that have no field stay as they are. */
export function configOf(rules: readonly PolicyRule[], draft: Draft, structured: unknown): Record<string, unknown> {
  const config = otherKeys(rules, structured);
  for (const rule of rules) {
    const reading = readField(rule, draft[rule.key] ?? '');
    if (reading && 'value' in reading) config[rule.key] = reading.value;
  }
  return config;
}

/** What the config holds besides the rules' keys. */
export function otherKeys(rules: readonly PolicyRule[], structured: unknown): Record<string, unknown> {
  const ruled = new Set(rules.map((rule) => rule.key));
  return Object.fromEntries(Object.entries(objectOf(structured)).filter(([key]) => !ruled.has(key)));
}

export function differsFromDefault(rule: PolicyRule, typed: string): boolean {
  return typed !== '' && typed !== textOf(rule.default);
}

/** `sample_rate` as a label: `Sample rate`. */
export function fieldLabel(key: string): string {
  return capital(key.replaceAll(/[_.-]+/g, ' ').trim());
}

/** A reason from the engine, split by the keys it names: `sample_rate: must be …`. */
export function reasonByKey(rules: readonly PolicyRule[], reason: string): { byKey: Record<string, string>; rest: string } {
  const byKey: Record<string, string> = {};
  const rest: string[] = [];
  for (const part of reason.split(/;\s+|\n/).filter((text) => text.trim() !== '')) {
    const match = /^\s*[`"']?([\w./-]+)[`"']?:\s+(.+)$/.exec(part);
    const key = match?.[1] ?? '';
    if (match?.[2] && rules.some((rule) => rule.key === key)) byKey[key] = sentence(match[2]);
    else rest.push(part.trim());
  }
  return { byKey, rest: rest.join('; ') };
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...(value as Record<string, unknown>) } : {};
}
