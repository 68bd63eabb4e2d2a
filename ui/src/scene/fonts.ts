/** Text on the map: measured by characters, drawn from an atlas. */

import { Atlas, type Sprite } from './atlas';
import { cachedWidths, type CharWidth, textWidth } from './text';

/** Weights in use: first label and values, second label, inner boxes. */
export type Weight = 400 | 500 | 600;

interface Face {
  readonly font: string;
  readonly width: CharWidth;
}

/** Greatest width of a text that is kept in the atlas, in device px. */
const MAX_TEXT_PX = 900;

export class Fonts {
  readonly #atlas = new Atlas();
  readonly #faces = new Map<string, Face>();
  readonly #ruler: CanvasRenderingContext2D | null = document.createElement('canvas').getContext('2d');
  #family = 'sans-serif';

  /** Starts anew, for another family or when fonts have arrived. */
  reset(family: string): void {
    this.#family = family;
    this.#faces.clear();
    this.#atlas.clear();
  }

  /** To be called between paints, never within one. */
  tidy(): void {
    if (this.#atlas.isFull) this.#atlas.clear();
  }

  /** Widths of characters at a size in CSS px. */
  widths(weight: Weight, px: number): CharWidth {
    return this.#face(weight, px).width;
  }

  width(text: string, weight: Weight, px: number): number {
    return textWidth(text, this.#face(weight, px).width);
  }

  /** The text as a sprite whose origin is the middle of its baseline; `px` in CSS px. */
  sprite(text: string, weight: Weight, px: number, colour: string, dpr: number): Sprite {
    return this.#atlas.get(`${weight} ${px * dpr} ${colour} ${text}`, () => {
      const size = px * dpr;
      const face = this.#face(weight, px);
      const width = Math.min(MAX_TEXT_PX, Math.ceil(textWidth(text, face.width) * dpr * 1.04) + 4);
      return {
        width,
        height: Math.ceil(size * 1.45),
        originX: width / 2,
        originY: Math.ceil(size * 1.08),
        draw: (ctx) => {
          ctx.font = `${weight} ${size}px ${this.#family}`;
          ctx.textAlign = 'center';
          ctx.textBaseline = 'alphabetic';
          ctx.fillStyle = colour;
          ctx.fillText(text, 0, 0, width - 2);
        },
      };
    });
  }

  #face(weight: Weight, px: number): Face {
    const key = `${weight} ${px}`;
    let face = this.#faces.get(key);
    if (!face) {
      const font = `${weight} ${px}px ${this.#family}`;
      const ruler = this.#ruler;
      const width = cachedWidths((char) => {
        if (!ruler) return px * 0.6;
        ruler.font = font;
        return ruler.measureText(char).width;
      });
      face = { font, width };
      this.#faces.set(key, face);
    }
    return face;
  }
}
