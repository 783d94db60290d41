import type { HeatSnapshot } from "./model/heat-snapshot.ts";
import type { HotSet } from "./model/hot-set.ts";
import { type StateRecord, stateKey } from "./model/state-record.ts";
import { Ledger, type StageBooks } from "./runtime/accounting.ts";
import type { Logger } from "./runtime/logger.ts";
import type { Decoded } from "./wire/decoded.ts";
import { decodeHeat } from "./wire/heat-codec.ts";
import { decodeHotSet } from "./wire/hot-set-codec.ts";
import { decodeState } from "./wire/state-codec.ts";

/** A record of the topics of state, heat and hot sets. */
export interface TableRecord {
  readonly key: string | null;
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null;
  /** When it was written, ms since 1970. */
  readonly timestampMs: number;
}

/** Decodes what aggregators tell each other; what cannot be read is counted, and named once a topic. */
export class TableReader {
  readonly #ledger = new Ledger("tables");
  readonly #partitions: number;
  readonly #logger: Logger;
  readonly #named = new Set<string>();

  /** `partitions`: of each topic. */
  constructor({ partitions, logger }: { readonly partitions: number; readonly logger: Logger }) {
    this.#partitions = partitions;
    this.#logger = logger;
  }

  books(): StageBooks {
    return this.#ledger.books();
  }

  /** `{ removed }`: the record of this key was deleted. `null`: it cannot be read. */
  state({ key, value }: TableRecord): { record: StateRecord } | { removed: string } | null {
    if (value !== null) {
      const decoded = decodeState(value);
      const isItsOwn = "problem" in decoded || stateKey(decoded.value) === key;
      const record = this.#read("state", isItsOwn ? decoded : { problem: "the key of another record" });
      return record && { record };
    }
    const removed = this.#read("state", key === null ? { problem: "no key" } : { value: key });
    return removed === null ? null : { removed };
  }

  /** `null`: it cannot be read. */
  heat({ value }: Pick<TableRecord, "value">): HeatSnapshot | null {
    const decoded = value === null ? { problem: "no value" } : decodeHeat(value);
    const isOurs = "problem" in decoded || decoded.value.partition < this.#partitions;
    return this.#read("heat", isOurs ? decoded : { problem: "no such partition" });
  }

  /** `null`: it cannot be read. */
  hotSet({ key, value }: TableRecord): HotSet | null {
    const decoded = value === null ? { problem: "no value" } : decodeHotSet(value);
    const isItsOwn = "problem" in decoded || decoded.value.authority.cluster === key;
    return this.#read("hotset", isItsOwn ? decoded : { problem: "the key of another record" });
  }

  #read<T>(topic: string, decoded: Decoded<T>): T | null {
    this.#ledger.receive();
    if ("value" in decoded) {
      this.#ledger.keep();
      return decoded.value;
    }
    this.#ledger.drop("unreadable");
    if (!this.#named.has(topic)) {
      this.#named.add(topic);
      this.#logger.warn({ topic, problem: decoded.problem }, "record of a topic cannot be read");
    }
    return null;
  }
}
