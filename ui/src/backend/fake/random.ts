/** A number from 0 to 1 that is always the same for the same text and step. */
export function noise(seed: string, step = 0): number {
  let hash = 2166136261 ^ step;
  for (let index = 0; index < seed.length; index += 1) {
    hash = Math.imul(hash ^ seed.charCodeAt(index), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  hash = Math.imul(hash ^ (hash >>> 13), 3266489909);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296;
}

/** A reading around `base` (0 to 1) at a moment: slow drift, quick jitter, now and then a spike. */
export function reading(seed: string, base: number, atMs: number): number {
  const seconds = atMs / 1000;
  const phase = noise(seed) * 1000;
  const drift = 0.18 * Math.sin((seconds + phase) / 97) + 0.1 * Math.sin((seconds + phase) / 31);
  const step = Math.floor(seconds / 2);
  const jitter = 0.26 * (noise(seed, step) - 0.5);
  const spike = noise(seed, Math.floor(seconds / 23)) > 0.93 ? 0.35 : 0;
  return Math.min(1, Math.max(0, base * (1 + drift + jitter + spike)));
}
