import { SLOT_COUNT, slotOf } from "../../../model/slot.ts";
import { type Bytes, bytesOf } from "../commands.ts";
import { PARTS_MAX, type PartPlace, partNamed, partNaming } from "../part-names.ts";
import type { Topology } from "./topology.ts";

export interface Variant<Key extends Bytes = Buffer> {
  /** Without the client's prefix. */
  readonly key: Key;
  readonly slot: number;
  /** The primary that serves the slot: `host:port`. */
  readonly node: string;
}

const WHAT = "spread";

/**
 * So many variants of a key, the key itself first, in slots of their own and on nodes of their own as far as there are
 * as many: those come first; beyond that as evenly over the nodes as can be. The same for everyone who sees the same topology. Of parts in
 * the order of `partNames` those are taken that lie on a node with fewer variants than others; where a node serves none
 * of their slots, the part in its lowest slot is.
 *
 * Returns: none where nobody serves the key's slot; fewer where too few slots are served.
 */
export function variantsOf(key: Bytes, copies: number, topology: Topology, place: PartPlace): Variant[] {
  const home = variantAt(bytesOf(key), topology, place);
  if (home === null) return [];
  const chosen = new Chosen(home, copies);
  const nameOf = partNaming(key, WHAT, place);
  const offerParts = (perNode: number) => {
    const enough = Math.min(perNode * topology.nodes.length, copies);
    for (let part = 0; part < PARTS_MAX && chosen.variants.length < enough; part++)
      chosen.offer(variantAt(nameOf(part), topology, place), perNode);
  };
  offerParts(1);
  for (const node of topology.nodes) {
    if (chosen.isComplete) break;
    if (chosen.countOn(node) > 0) continue;
    const name = partNamed(key, WHAT, tagOf(topology.owners.indexOf(node)));
    chosen.offer(variantAt(name, topology, place), 1);
  }
  for (let perNode = 2; !chosen.isComplete && perNode <= copies; perNode++) offerParts(perNode);
  return chosen.variants;
}

class Chosen {
  readonly variants: Variant[] = [];
  readonly #copies: number;
  readonly #slots = new Set<number>();
  readonly #byNode = new Map<string, number>();

  constructor(home: Variant, copies: number) {
    this.#copies = copies;
    this.offer(home, 1);
  }

  get isComplete(): boolean {
    return this.variants.length >= this.#copies;
  }

  countOn(node: string): number {
    return this.#byNode.get(node) ?? 0;
  }

  /** Takes a variant where its node has fewer than `perNode`; `null`: nobody serves it. */
  offer(variant: Variant | null, perNode: number): void {
    if (variant === null) return;
    const { slot, node } = variant;
    if (this.isComplete || this.#slots.has(slot) || this.countOn(node) >= perNode) return;
    this.variants.push(variant);
    this.#slots.add(slot);
    this.#byNode.set(node, this.countOn(node) + 1);
  }
}

function variantAt(key: Buffer, topology: Topology, { keyPrefix }: PartPlace): Variant | null {
  const slot = slotOf(keyPrefix.length > 0 ? Buffer.concat([keyPrefix, key]) : key);
  const node = topology.owners[slot] ?? null;
  return node === null ? null : { key, slot, node };
}

const knownTags = new Map<number, string>();

/** The first of 0, 1, ... z, 10, 11, ... (base 36) in a slot: found after 16,384 on average, which takes some ms, once. */
function tagOf(slot: number): string {
  const known = knownTags.get(slot);
  if (known !== undefined) return known;
  if (slot < 0 || slot >= SLOT_COUNT) throw new RangeError(`there is no slot ${slot}`);
  let number = 0;
  while (slotOf(Buffer.from(number.toString(36))) !== slot) number++;
  const tag = number.toString(36);
  knownTags.set(slot, tag);
  return tag;
}
