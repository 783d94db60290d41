import { SLOT_COUNT, slotOf } from "../../model/slot.ts";
import { type Bytes, bytesOf, type Commands } from "./commands.ts";

/** So many parts of a key have slots of their own. */
export const PARTS_MAX = 1024;

const REGION_BITS = 10;
/** Slots next to each other, of which one key's part has one. */
const REGION_SLOTS = SLOT_COUNT / PARTS_MAX;
const OPEN_BRACE = "{".charCodeAt(0);

/**
 * Names of the parts of a key, in slots that lie evenly over all of them. `what` they hold, such as `count`, keeps the
 * parts of different remedies apart.
 *
 * Part i is `KEY:WHAT:{TAG}`, or `{TAG}:KEY:WHAT` where the key has a brace. Its tag is the first of 0, 1, ... z, 10, 11,
 * ... (base 36) in the region of part i: there are 1,024 regions of 16 slots, and parts take them in the order of van der
 * Corput's sequence, from the key's own region on. So any number of parts is spread evenly, the name of a part does not
 * depend on how many there are, and it is the same from every version.
 */
export function partNames(key: Bytes, what: string, count: number, place: PartPlace): Buffer[] {
  const nameOf = partNaming(key, what, place);
  return Array.from({ length: count }, (_, part) => nameOf(part));
}

/** As `partNames`, the name of one part at a time, up to PARTS_MAX. */
export function partNaming(
  key: Bytes,
  what: string,
  { keyPrefix, isCluster }: PartPlace,
): (part: number) => Buffer {
  if (isCluster && keyPrefix.includes(OPEN_BRACE)) {
    throw new RangeError(
      "redis: its keyPrefix has a brace, so that all parts of a key would be in one slot: use a prefix without",
    );
  }
  const bytes = bytesOf(key);
  const home = Math.floor(slotOf(bytes) / REGION_SLOTS);
  const tags = tagsByRegion();
  return (part) => partNamed(bytes, what, tags[(home + reversedBits(part)) % PARTS_MAX]!);
}

/** The name of the part whose slot is that of `tag`. */
export function partNamed(key: Bytes, what: string, tag: string): Buffer {
  const bytes = bytesOf(key);
  return bytes.includes(OPEN_BRACE)
    ? Buffer.concat([Buffer.from(`{${tag}}:`), bytes, Buffer.from(`:${what}`)])
    : Buffer.concat([bytes, Buffer.from(`:${what}:{${tag}}`)]);
}

export type PartPlace = Pick<Commands, "keyPrefix" | "isCluster">;

/** Source: van der Corput, "Verteilungsfunktionen", 1935: its first n members lie evenly, for every n. */
function reversedBits(part: number): number {
  let reversed = 0;
  for (let bit = 0; bit < REGION_BITS; bit++) reversed |= ((part >> bit) & 1) << (REGION_BITS - 1 - bit);
  return reversed;
}

let knownTags: readonly string[] | null = null;

/** Takes about a millisecond, once. */
function tagsByRegion(): readonly string[] {
  if (knownTags !== null) return knownTags;
  const tags: string[] = new Array(PARTS_MAX).fill("");
  for (let number = 0, missing = PARTS_MAX; missing > 0; number++) {
    const tag = number.toString(36);
    const region = Math.floor(slotOf(Buffer.from(tag)) / REGION_SLOTS);
    if (tags[region] !== "") continue;
    tags[region] = tag;
    missing--;
  }
  knownTags = tags;
  return tags;
}
