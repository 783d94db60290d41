import { isSameKey, viewOf } from "../../panes/key-words.ts";

/** After the answer to a look-up, its `keymiss` may take so long to come over the other connection. */
const LATE_MS_MAX = 5000;

/** One look-up of the agent's that is under way, or whose miss has yet to come. */
export interface OwnLookUp {
  readonly db: number;
  readonly key: DataView;
  /** A miss of the key has come, and waits for the answer. */
  isHeld: boolean;
  /** Monotonic, ms; `null`: not answered yet. */
  answeredMs: number | null;
}

/**
 * Tells the misses that the agent's own look-ups cause from those of others.
 *
 * The answer comes over one connection and the event over another, in any order: the first miss of the key after the
 * look-up was sent is held back until the answer says whether there was an own one. Which of several is the own one does
 * not matter, for they are counted, not told apart.
 */
export class OwnMisses {
  readonly #lookUps = new Set<OwnLookUp>();

  get isEmpty(): boolean {
    return this.#lookUps.size === 0;
  }

  /** A look-up is about to be sent. */
  begin(db: number, key: Uint8Array): OwnLookUp {
    const lookUp = { db, key: viewOf(Uint8Array.from(key)), isHeld: false, answeredMs: null };
    this.#lookUps.add(lookUp);
    return lookUp;
  }

  /** `own`: this miss is the agent's. `held`: the answer will tell. */
  judge(db: number, keys: DataView, start: number, end: number): "own" | "held" | "others" {
    for (const lookUp of this.#lookUps) {
      if (lookUp.isHeld || lookUp.db !== db || !isKey(lookUp.key, keys, start, end)) continue;
      if (lookUp.answeredMs !== null) {
        this.#lookUps.delete(lookUp);
        return "own";
      }
      lookUp.isHeld = true;
      return "held";
    }
    return "others";
  }

  /** The answer has come. Returns what the held miss was; `null`: none is held. */
  answer(lookUp: OwnLookUp, wasMiss: boolean, nowMs: number): "own" | "others" | null {
    if (!this.#lookUps.has(lookUp)) return null;
    if (wasMiss && !lookUp.isHeld) {
      lookUp.answeredMs = nowMs;
      return null;
    }
    this.#lookUps.delete(lookUp);
    if (!lookUp.isHeld) return null;
    return wasMiss ? "own" : "others";
  }

  /** Gives up misses that should have come long ago: the server may not publish them. */
  expire(nowMs: number): void {
    for (const lookUp of this.#lookUps) {
      if (lookUp.answeredMs !== null && nowMs - lookUp.answeredMs > LATE_MS_MAX) this.#lookUps.delete(lookUp);
    }
  }
}

function isKey(key: DataView, keys: DataView, start: number, end: number): boolean {
  return key.byteLength === end - start && isSameKey(key, 0, keys, start, key.byteLength);
}
