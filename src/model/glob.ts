import { isCut, KEY_BYTES_KEPT } from "./key.ts";

const ASTERISK = 0x2a;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;

/** What one place of a glob accepts: a byte, one of a set of bytes, any byte, or any number of any bytes. */
const ANY_BYTE = 256;
const ANY_BYTES = 257;
const FIRST_SET = 258;

interface Glob {
  /** A byte value, `ANY_BYTE`, `ANY_BYTES`, or `FIRST_SET` + index into `sets`. */
  readonly places: Uint16Array;
  /** 256 flags each. */
  readonly sets: readonly Uint8Array[];
}

/**
 * Makes a test for keys that at least one of `globs` matches; no globs match nothing.
 *
 * The notation and its corner cases are Redis's: `*`, `?`, `[a-z]`, `[^a]`, `\` before a literal; an open `[` ends with
 * the glob; it works on bytes, and a glob's text stands for its UTF-8. A key of more than 1 KiB, kept or whole, is
 * matched by its first 1 KiB, which is all that is kept of it.
 *
 * Cost: at most glob length x key length steps, and as many as the glob has literals before its first `*` on most keys.
 * Source: `stringmatchlen` of Redis 7.0, src/util.c.
 */
export function compileGlobs(globs: readonly string[]): (key: Uint8Array) => boolean {
  const compiled = globs.map(compileGlob);
  if (compiled.some(({ places }) => places.length === 1 && places[0] === ANY_BYTES)) return () => true;
  return (key) => {
    const bytes = isCut(key) ? key.subarray(0, KEY_BYTES_KEPT) : key;
    for (const glob of compiled) if (matches(glob, bytes)) return true;
    return false;
  };
}

function compileGlob(text: string): Glob {
  const glob = Buffer.from(text, "utf8");
  const places: number[] = [];
  const sets: Uint8Array[] = [];
  for (let at = 0; at < glob.length; at++) {
    const byte = glob[at]!;
    if (byte === ASTERISK) {
      if (places.at(-1) !== ANY_BYTES) places.push(ANY_BYTES);
    } else if (byte === QUESTION) {
      places.push(ANY_BYTE);
    } else if (byte === OPEN) {
      const { set, end } = compileSet(glob, at + 1);
      places.push(FIRST_SET + sets.push(set) - 1);
      at = end;
    } else {
      // A backslash at the very end stands for itself.
      if (byte === BACKSLASH && at + 1 < glob.length) at++;
      places.push(glob[at]!);
    }
  }
  return { places: Uint16Array.from(places), sets };
}

/** Compiles the set whose `[` stands before `start`; `end` is where its `]` stands, or the last byte of the glob. */
function compileSet(glob: Uint8Array, start: number): { set: Uint8Array; end: number } {
  const negated = glob[start] === CARET;
  const set = new Uint8Array(256);
  let at = negated ? start + 1 : start;
  for (; at < glob.length && glob[at] !== CLOSE; at++) {
    if (glob[at] === BACKSLASH && at + 1 < glob.length) {
      at++;
      set[glob[at]!] = 1;
    } else if (glob[at + 1] === DASH && at + 2 < glob.length) {
      const ends = [glob[at]!, glob[at + 2]!];
      set.fill(1, Math.min(...ends), Math.max(...ends) + 1);
      at += 2;
    } else {
      set[glob[at]!] = 1;
    }
  }
  return { set: negated ? set.map((flag) => 1 - flag) : set, end: Math.min(at, glob.length - 1) };
}

function accepts(glob: Glob, place: number, byte: number): boolean {
  if (place < ANY_BYTE) return place === byte;
  return place === ANY_BYTE || glob.sets[place - FIRST_SET]![byte] === 1;
}

/** Only the last `*` is ever tried again, with one byte more: what an earlier one could give, the last one can as well. */
function matches(glob: Glob, bytes: Uint8Array): boolean {
  const { places } = glob;
  let place = 0;
  let at = 0;
  let placeAfterStar = -1;
  let starEnd = 0;
  while (at < bytes.length) {
    if (place < places.length && places[place] === ANY_BYTES) {
      placeAfterStar = ++place;
      starEnd = at;
    } else if (place < places.length && accepts(glob, places[place]!, bytes[at]!)) {
      place++;
      at++;
    } else if (placeAfterStar >= 0) {
      place = placeAfterStar;
      at = ++starEnd;
    } else {
      return false;
    }
  }
  while (place < places.length && places[place] === ANY_BYTES) place++;
  return place === places.length;
}
