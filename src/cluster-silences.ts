import type { ClusterOutlet } from "./cluster-outlet.ts";
import { HttpError } from "./http/errors.ts";
import type { SilenceDesk } from "./http/silences.ts";
import { tooManySilences } from "./local-silences.ts";
import { EXPIRED_KEPT_MS, SILENCES_MAX, type Silence } from "./model/silence.ts";
import { type SilenceRecord, silenceKey, stateKey } from "./model/state-record.ts";
import type { Silences } from "./notify/silence.ts";
import { Ledger, type StageBooks } from "./runtime/accounting.ts";
import type { Clock } from "./runtime/clock.ts";

/** How long a change may take to be read back. */
const READ_BACK_MS = 5000;
/** Records remembered, those that are not in force for want of room included. */
const RECORDS_MAX = 2 * SILENCES_MAX;

export interface ClusterSilencesOptions {
  readonly silences: Silences;
  readonly outlet: Pick<ClusterOutlet, "state" | "eraseState">;
  /** Name of this process. */
  readonly instance: string;
  /** The config's: that of silences which name no single cluster. */
  readonly cluster: string;
  /** Whether the state topic has been read to its end. */
  readonly isRead: () => boolean;
  /** Whether this process deletes what is over in a cluster. */
  readonly mayErase: (cluster: string) => boolean;
  readonly clock: Clock;
}

interface Place {
  readonly id: string;
  readonly cluster: string;
  readonly endsAtMs: number;
}

/**
 * Silences of aggregators that share the work, in the state topic: whichever process takes a request writes it, and it is
 * in force in each as soon as that has read it, so the request is answered once it was read back here.
 */
export class ClusterSilences implements SilenceDesk {
  readonly #options: ClusterSilencesOptions;
  readonly #ledger = new Ledger("silences");
  /** Of each record that there is, by its key. */
  readonly #places = new Map<string, Place>();
  /** Requests that wait for the record of a key to be read, each to be told whether it was. */
  readonly #waiting = new Map<string, Set<(isRead: boolean) => void>>();

  constructor(options: ClusterSilencesOptions) {
    this.#options = options;
  }

  list(): readonly Silence[] {
    return this.#options.silences.list();
  }

  async add(silence: Silence): Promise<void> {
    const { silences, outlet, instance } = this.#options;
    this.#checkRead();
    if (silences.isFull) throw tooManySilences();
    const cluster = clusterOf(silence) ?? this.#options.cluster;
    const record: SilenceRecord = {
      type: "silence",
      authority: { cluster, bucket: 0, term: 0, instance },
      silence,
    };
    const key = stateKey(record);
    outlet.state(record);
    const isReadBack = await this.#readBack(key);
    if (isReadBack && silences.has(silence.id)) return;
    // It must not come into force after it was refused.
    outlet.eraseState(cluster, key);
    throw isReadBack ? tooManySilences() : unavailable("Kafka does not take it: the silence is not in force");
  }

  async remove(id: string): Promise<boolean> {
    this.#checkRead();
    const key = silenceKey(id);
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#options.outlet.eraseState(place.cluster, key);
    if (await this.#readBack(key)) return true;
    throw unavailable("Kafka does not take it: the silence ends once Kafka is back");
  }

  /** A record was read. */
  read(record: SilenceRecord): void {
    const { silence, authority } = record;
    const key = stateKey(record);
    if (this.#places.has(key) || this.#places.size < RECORDS_MAX) {
      this.#places.set(key, { id: silence.id, cluster: authority.cluster, endsAtMs: silence.endsAtMs });
    }
    this.#ledger.receive();
    if (this.#options.silences.put(silence)) this.#ledger.keep();
    else this.#ledger.drop(this.#isOver(silence, this.#options.clock.now()) ? "expired" : "silences-full");
    this.#tell(key);
  }

  /** The record of a key was deleted, of whatever type it was. */
  removed(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#options.silences.remove(place.id);
    this.#tell(key);
  }

  /** Deletes what ended an hour ago and more. */
  prune(nowMs: number): void {
    const { outlet, mayErase } = this.#options;
    for (const [key, place] of this.#places) {
      if (this.#isOver(place, nowMs) && mayErase(place.cluster)) outlet.eraseState(place.cluster, key);
    }
  }

  books(): StageBooks {
    return this.#ledger.books();
  }

  /** Requests that still wait are refused. */
  stop(): void {
    for (const key of [...this.#waiting.keys()]) this.#tell(key, false);
  }

  /** Before that, what there is is not known. */
  #checkRead(): void {
    if (!this.#options.isRead()) throw unavailable("the state topic is being read: try again");
  }

  #isOver({ endsAtMs }: Pick<Silence, "endsAtMs">, nowMs: number): boolean {
    return nowMs - endsAtMs >= EXPIRED_KEPT_MS;
  }

  /** Whether the next record of a key, or its deletion, is read in time. */
  #readBack(key: string): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const settle = (isRead: boolean) => {
        cancel();
        waiting.delete(settle);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve(isRead);
      };
      const cancel = this.#options.clock.after(READ_BACK_MS, () => settle(false));
      waiting.add(settle);
    });
  }

  #tell(key: string, isRead = true): void {
    for (const settle of [...(this.#waiting.get(key) ?? [])]) settle(isRead);
  }
}

/** The one cluster that a silence names; `undefined`: any, or several. */
function clusterOf({ matchers: { cluster } }: Silence): string | undefined {
  return cluster !== undefined && !/[*?[\\]/.test(cluster) ? cluster : undefined;
}

function unavailable(message: string): HttpError {
  return new HttpError(503, "UNAVAILABLE", message);
}
