import { isMap, isNode, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';

/** The line of a field of a text, counted from one, such as `spec.services[2].method`; the nearest field around it where it is missing. */
export function fieldLine(text: string, field: string): number | null {
  const lines = new LineCounter();
  // Of several texts in one the first that has the field is meant.
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (!Array.isArray(documents)) return null;
  let best: { depth: number; line: number } | null = null;
  for (const document of documents) {
    const found = nearest(document.contents, partsOf(field), lines);
    if (found && (!best || found.depth > best.depth)) best = found;
  }
  return best?.line ?? null;
}

/** An object as YAML, as a person would write it. */
export { stringify as yamlOf } from 'yaml';

function partsOf(field: string): string[] {
  return field.split(/[.[\]]+/).filter(Boolean);
}

function nearest(root: Node | null, parts: string[], lines: LineCounter): { depth: number; line: number } | null {
  let node: unknown = root;
  let found: { depth: number; line: number } | null = null;
  for (const [depth, part] of parts.entries()) {
    let at: unknown = null;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isNode(key) ? key.toJSON() : key) === part);
      at = pair?.key ?? null;
      node = pair?.value ?? null;
    } else if (isSeq(node)) {
      node = node.items[Number(part)] ?? null;
      at = node;
    } else break;
    const offset = isNode(at) ? at.range?.[0] : undefined;
    if (offset === undefined) break;
    found = { depth: depth + 1, line: lines.linePos(offset).line };
  }
  return found;
}
