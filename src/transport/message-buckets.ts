import type { ClientsReport } from "../model/clients.ts";
import { keptKeySlot } from "../model/key.ts";
import { bucketOfSlot, bucketsOfSlots, type SlotRange } from "../model/slot.ts";
import { type TargetReport, targetId } from "../model/target.ts";
import type { Message } from "./transport.ts";

/** Targets remembered; of those beyond, reports without slots go to bucket 0 alone. */
const TARGETS_MAX = 20_000;

/**
 * Which buckets a message concerns: their owners, and nobody else, must hear of it.
 *
 * A part is of one bucket. Of a target hear the owners of every bucket that its slots touch, who wait for its parts, and
 * the cluster's owner (bucket 0), also what clients told of it; of a key's facts the owner of its bucket; of services everybody who judges keys of the
 * cluster. How a cluster is divided is learnt from the parts and reports that pass by.
 */
export class MessageBuckets {
  readonly #buckets: number;
  /** Last known slots, by cluster and target: one that does not answer does not tell them. */
  readonly #slots = new Map<string, readonly SlotRange[]>();
  readonly #sharded = new Set<string>();

  /** `buckets`: into how many the slots of a cluster are divided. */
  constructor(buckets: number) {
    this.#buckets = buckets;
  }

  /** At least one. */
  of(message: Message): readonly number[] {
    switch (message.type) {
      case "part":
        this.#learn(message.cluster, message.target, message.slots);
        return [message.bucket];
      case "report": {
        this.#learn(message.cluster, message.target, message.slots);
        return this.#ofTarget(message, message.slots);
      }
      case "clients":
        return this.#ofTarget(message, null);
      case "facts": {
        const isSharded = this.#sharded.has(message.cluster);
        return [isSharded ? bucketOfSlot(keptKeySlot(message.bytes), this.#buckets) : 0];
      }
      case "services":
        return this.#sharded.has(message.cluster) ? Array.from({ length: this.#buckets }, (_, i) => i) : [0];
      case "topology":
        return [0];
    }
  }

  #ofTarget(
    { cluster, target }: TargetReport | ClientsReport,
    slots: TargetReport["slots"],
  ): readonly number[] {
    const known = slots ?? this.#slots.get(targetId(cluster, target)) ?? null;
    return [...new Set([0, ...bucketsOfSlots(known, this.#buckets)])];
  }

  #learn(cluster: string, target: string, slots: readonly SlotRange[] | null): void {
    if (slots === null) return;
    this.#sharded.add(cluster);
    const id = targetId(cluster, target);
    if (this.#slots.has(id) || this.#slots.size < TARGETS_MAX) this.#slots.set(id, slots);
  }
}
