/** Widths of text from the widths of its characters, and what fits into a width. */

/** Width of one character in px, in some font. */
export type CharWidth = (char: string) => number;

/** Widths per character, measured once each. Kerning is left out: labels are short and get a margin. */
export function cachedWidths(measure: CharWidth): CharWidth {
  const known = new Map<string, number>();
  return (char) => {
    let width = known.get(char);
    if (width === undefined) {
      width = measure(char);
      known.set(char, width);
    }
    return width;
  };
}

export function textWidth(text: string, width: CharWidth): number {
  let sum = 0;
  for (const char of text) sum += width(char);
  return sum;
}

const ELLIPSIS = '…';

/** The text, or as much of its beginning as fits with an ellipsis. Never empty for a text that is not. */
export function ellipsize(text: string, limit: number, width: CharWidth): string {
  let sum = 0;
  let kept = '';
  let keptWidth = 0;
  const room = limit - width(ELLIPSIS);
  for (const char of text) {
    sum += width(char);
    if (sum > limit) return `${kept.trimEnd() || firstChar(text)}${ELLIPSIS}`;
    if (sum <= room && keptWidth <= room) {
      kept += char;
      keptWidth = sum;
    }
  }
  return text;
}

function firstChar(text: string): string {
  for (const char of text) return char;
  return '';
}
