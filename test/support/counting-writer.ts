import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "ioredis";

const ROUND_MS = 5;

/**
 * Increments one key through a client that follows a cluster's slots, and counts the replies one by one.
 *
 * The key's value is the truth: what a node took, it holds, whatever became of the reply.
 */
export class CountingWriter implements Disposable {
  readonly #client: Cluster;
  readonly #key: string;
  #taken = 0;
  #unanswered = 0;

  constructor(nodes: readonly { readonly host: string; readonly port: number }[], key: string) {
    // A write whose reply was lost is not sent again: it may have been taken.
    const redisOptions = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 };
    this.#client = new Cluster([...nodes], { redisOptions });
    this.#key = key;
  }

  /** Writes that were answered by the key's new value. */
  get taken(): number {
    return this.#taken;
  }

  /** Writes that ended with an error: taken or not. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Writes `count` times, evenly at about `perSecond`; resolves when all have ended. */
  async write(count: number, perSecond: number): Promise<void> {
    const batch = Math.max(1, Math.round((perSecond * ROUND_MS) / 1000));
    const startMs = performance.now();
    const writes: Promise<void>[] = [];
    for (let first = 0; first < count; first += batch) {
      const waitMs = startMs + (first / perSecond) * 1000 - performance.now();
      if (waitMs > 1) await sleep(waitMs);
      for (let i = first; i < Math.min(count, first + batch); i++) writes.push(this.#writeOne());
    }
    await Promise.all(writes);
  }

  async value(): Promise<number> {
    return Number(await this.#client.get(this.#key));
  }

  [Symbol.dispose](): void {
    this.#client.disconnect();
  }

  async #writeOne(): Promise<void> {
    try {
      await this.#client.incr(this.#key);
      this.#taken++;
    } catch {
      this.#unanswered++;
    }
  }
}
