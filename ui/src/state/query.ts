/** Pinned queries and the typed one as a single query, and where the typed one begins in it (in characters). */
export function combine(chips: string[], typed: string): { query: string; offset: number } {
  const text = typed.trim();
  if (chips.length === 0) return { query: text, offset: 0 };
  const pinned = chips.length === 1 ? (chips[0] ?? '') : chips.map((chip) => `(${chip})`).join(' and ');
  if (text === '') return { query: pinned, offset: 0 };
  const head = chips.length === 1 ? `(${pinned}) and (` : `${pinned} and (`;
  return { query: `${head}${text})`, offset: head.length };
}

/**
 * A byte range of a query as a character range of the part that begins at `offset`, kept inside that part.
 * The engine counts bytes, the field counts characters.
 */
export function characterRange(query: string, at: [number, number], offset: number, length: number): [number, number] {
  const bytes = new TextEncoder().encode(query);
  const decoder = new TextDecoder();
  const characters = (end: number) => decoder.decode(bytes.slice(0, end)).length - offset;
  const start = Math.max(0, Math.min(characters(at[0]), length));
  return [start, Math.max(start, Math.min(characters(at[1]), length))];
}

/** `kind:container` and the like as a node's exact label, safe to put in a query. */
export function quoted(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
