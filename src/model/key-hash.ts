/**
 * 32-bit hash over the bytes of a key: Murmur3's mixing, four bytes a step.
 *
 * `seed` is random for each process, against hash flooding. Tables compare whole keys afterwards, so a collision costs
 * time, never truth. Source: Appleby, MurmurHash3_x86_32 (public domain).
 */
export function hashKey(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = seed;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    hash = mix(hash, bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
  }
  let tail = end - start;
  for (; i < end; i++) tail = (tail << 8) | bytes[i]!;
  hash = mix(hash, tail);
  return finalMix(hash);
}

/** Murmur3's last step: spreads each bit of a hash over all of them. One to one. */
export function finalMix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593) ^ hash;
  mixed = (mixed << 13) | (mixed >>> 19);
  return (Math.imul(mixed, 5) + 0xe6546b64) | 0;
}
