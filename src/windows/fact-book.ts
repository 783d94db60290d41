import { type Key, keyId } from "../model/key.ts";
import type { Facts, KeyFacts } from "../model/target.ts";

/** Agents look up five keys every ten seconds, so this reaches back far beyond any incident's needs. */
const KEYS_MAX = 4096;

/** What the servers said of hot keys: the newest facts of the keys last asked for. */
export class FactBook {
  readonly #facts = new Map<string, KeyFacts>();

  add(facts: KeyFacts): void {
    const id = idOf(facts);
    const known = this.#facts.get(id);
    if (known && known.atMs > facts.atMs) return;
    this.#facts.delete(id);
    this.#facts.set(id, facts);
    if (this.#facts.size <= KEYS_MAX) return;
    for (const oldest of this.#facts.keys()) {
      this.#facts.delete(oldest);
      break;
    }
  }

  of(key: Key): Facts | null {
    return this.#facts.get(idOf(key))?.facts ?? null;
  }
}

function idOf({ cluster, db, bytes }: Key): string {
  return `${cluster}|${keyId(db, bytes)}`;
}
