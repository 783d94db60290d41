/** Numbers in [0, 1) from a seed. Mulberry32: small, good enough for a load. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How many of `count` accesses a sampler keeps that keeps each with `probability`. */
export function keptOf(count: number, probability: number, random: () => number): number {
  let kept = 0;
  for (let i = 0; i < count; i++) if (random() < probability) kept++;
  return kept;
}

/** Draws whole numbers below the one that it is given, from a seed. Source: Park, Miller, CACM 31(10), 1988. */
export function wholeNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
