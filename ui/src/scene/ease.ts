/** Easing curves of design-language §9. */

/** A cubic Bézier timing function, as CSS has it. */
export function bezier(x1: number, y1: number, x2: number, y2: number): (t: number) => number {
  const at = (a: number, b: number, s: number): number => 3 * a * s * (1 - s) ** 2 + 3 * b * s * s * (1 - s) + s ** 3;
  return (t) => {
    if (t <= 0) return 0;
    if (t >= 1) return 1;
    let low = 0;
    let high = 1;
    // 20 halvings are exact to a millionth, and x rises monotonically.
    for (let i = 0; i < 20; i++) {
      const middle = (low + high) / 2;
      if (at(x1, x2, middle) < t) low = middle;
      else high = middle;
    }
    return at(y1, y2, (low + high) / 2);
  };
}

export const easeOut = bezier(0.2, 0, 0, 1);
export const easeMove = bezier(0.3, 0, 0.1, 1);

/** Progress of something that began at `start`, in 0…1. */
export function progress(now: number, start: number, duration: number): number {
  return duration <= 0 ? 1 : Math.min(1, Math.max(0, (now - start) / duration));
}
