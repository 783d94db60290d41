import { setImmediate as turn } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";

interface Step {
  readonly client: number;
  run(): Promise<void>;
}

/**
 * Clients of one server, or cluster, whose commands run one at a time, in an order that the test chooses.
 *
 * Each is an ioredis client to those who use it. A client that crashes sends nothing any more, and its calls never end.
 */
export class Interleaving {
  readonly #redis: Redis | Cluster;
  readonly #waiting: Step[] = [];
  readonly #crashed = new Set<number>();

  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
  }

  client(client: number): object {
    return {
      options: {},
      defineCommand: () => {},
      callBuffer: (name: string, ...args: (string | Buffer | number)[]) =>
        new Promise((resolve, reject) => {
          if (this.#crashed.has(client)) return;
          const run = () => this.#redis.callBuffer(name, ...args).then(resolve, reject);
          this.#waiting.push({ client, run });
        }),
    };
  }

  crash(client: number): void {
    this.#crashed.add(client);
    for (let at = this.#waiting.length - 1; at >= 0; at--)
      if (this.#waiting[at]!.client === client) this.#waiting.splice(at, 1);
  }

  /**
   * Runs one waiting command after the other, until none is left. `choose` is given whose they are, and says which is next.
   * A client dies before the step that `crash` names.
   */
  async run(
    choose: (clients: readonly number[], step: number) => number,
    crash: Crash | null,
  ): Promise<void> {
    for (let step = 0; ; step++) {
      // What a reply leads to is done, up to the next command, when the microtasks are.
      await turn();
      if (step === crash?.step) this.crash(crash.client);
      if (this.#waiting.length === 0) return;
      const clients = this.#waiting.map(({ client }) => client);
      const [chosen] = this.#waiting.splice(choose(clients, step), 1);
      await chosen!.run();
    }
  }
}

export interface Crash {
  readonly client: number;
  readonly step: number;
}

/**
 * A choice by priority: the client with the highest goes on, until at one of a few steps it becomes the last. So one client
 * stands still at some point while others do much, which finds more than a fair order does.
 *
 * Source: Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010.
 */
export function byPriority(
  priorities: readonly number[],
  changes: readonly number[],
): (clients: readonly number[], step: number) => number {
  const current = [...priorities];
  let lowest = Math.min(...current);
  const highest = (clients: readonly number[]) =>
    clients.reduce((best, client, at) => (current[client]! > current[clients[best]!]! ? at : best), 0);
  return (clients, step) => {
    if (changes.includes(step)) current[clients[highest(clients)]!] = --lowest;
    return highest(clients);
  };
}
