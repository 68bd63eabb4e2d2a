import { type Document, isMap, isSeq, parseDocument } from 'yaml';

/** The parts of a task's manifest that a form has: when it runs, where it goes, and what raises an alarm. */
export interface ManifestForm {
  /** As {@link SCHEDULES} writes them; any other is the text of the schedule. */
  schedule: string;
  /** Name of the first publisher; empty where there is none. */
  sink: string;
  /** What it crosses; null where nothing is watched for. */
  threshold: { side: 'above' | 'below'; value: number } | null;
}

type Path = (string | number)[];

function documentOf(text: string): Document | null {
  const document = parseDocument(text);
  return document.errors.length === 0 && isMap(document.contents) && document.get('version') !== 1 ? document : null;
}

function textOf(document: Document): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** A schedule in few words, as the form's choices have it. */
export function scheduleText(schedule: Record<string, unknown>): string {
  const { type, interval, entry } = schedule;
  if (typeof entry === 'string') return `cron ${entry}`;
  return typeof interval === 'string' && type === 'simple' ? `every ${interval}` : String(type ?? '');
}

function scheduleOf(text: string): Record<string, unknown> {
  if (text.startsWith('cron ')) return { type: 'cron', entry: text.slice('cron '.length), timezone: 'local' };
  if (text.startsWith('every ')) return { type: 'simple', interval: text.slice('every '.length) };
  return { type: text };
}

/** Where the first publisher stands; null where there is none. */
function sinkPath(document: Document, at: Path = []): Path | null {
  if (isSeq(document.getIn([...at, 'publish']))) return [...at, 'publish', 0];
  if (!isSeq(document.getIn([...at, 'process']))) return null;
  return sinkPath(document, [...at, 'process', 0]);
}

/** Where the first threshold stands; null where there is none. */
function thresholdPath(document: Document, at: Path = []): Path | null {
  const first = [...at, 'process', 0];
  if (!isMap(document.getIn(first))) return null;
  return document.getIn([...first, 'plugin']) === 'threshold' ? [...first, 'config'] : thresholdPath(document, first);
}

function plain(value: unknown): Record<string, unknown> {
  return isMap(value) ? (value.toJSON() as Record<string, unknown>) : {};
}

/** What a form shows of a manifest; null where the text is not one that a form can change. */
export function readForm(text: string): ManifestForm | null {
  const document = documentOf(text);
  if (!document) return null;
  const sink = sinkPath(document);
  const path = thresholdPath(document);
  const config = path ? plain(document.getIn(path)) : {};
  const side = typeof config.above === 'number' ? 'above' : typeof config.below === 'number' ? 'below' : null;
  return {
    schedule: scheduleText(plain(document.get('schedule'))),
    sink: sink ? String(document.getIn([...sink, 'plugin']) ?? '') : '',
    threshold: side ? { side, value: config[side] as number } : null,
  };
}

function changed(text: string, change: (document: Document) => void): string {
  const document = documentOf(text);
  if (!document) return text;
  change(document);
  return textOf(document);
}

/** A part in one line, as a person writes what is short. */
function inLine(document: Document, value: unknown): unknown {
  const node = document.createNode(value);
  if (isMap(node)) node.flow = true;
  return node;
}

export function withSchedule(text: string, schedule: string): string {
  return changed(text, (document) => document.set('schedule', inLine(document, scheduleOf(schedule))));
}

/** Puts another publisher in the place of the first. */
export function withSink(text: string, sink: string, config: Record<string, unknown>): string {
  return changed(text, (document) => {
    const path = sinkPath(document) ?? ['publish', 0];
    document.setIn(path, document.createNode({ plugin: sink }));
    if (Object.keys(config).length > 0) document.setIn([...path, 'config'], inLine(document, config));
  });
}

export function withThreshold(text: string, side: 'above' | 'below', value: number): string {
  return changed(text, (document) => {
    const path = thresholdPath(document);
    if (!path) return;
    document.deleteIn([...path, side === 'above' ? 'below' : 'above']);
    document.setIn([...path, side], value);
  });
}

/** Collects other metrics. */
export function withCollect(text: string, queries: readonly string[]): string {
  return changed(text, (document) => {
    document.set('collect', document.createNode(Object.fromEntries(queries.map((query) => [query, {}]))));
  });
}
