import { setImmediate as turn } from "node:timers/promises";
import type { Redis } from "ioredis";

interface Step {
  readonly client: number;
  run(): Promise<void>;
}

/**
 * Clients of one server whose commands run one at a time, in an order that the test chooses.
 *
 * Each is an ioredis client to those who use it. A client that crashes sends nothing any more, and its calls never end.
 */
export class Interleaving {
  readonly #redis: Redis;
  readonly #waiting: Step[] = [];
  readonly #crashed = new Set<number>();

  constructor(redis: Redis) {
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

  /** Runs one waiting command after the other, `choose(n)` in [0, n), until none is left. Returns how many there were. */
  async run(
    choose: (count: number) => number,
    beforeEach: (step: number) => void = () => {},
  ): Promise<number> {
    for (let step = 0; ; step++) {
      // What a reply leads to is done, up to the next command, when the microtasks are.
      await turn();
      beforeEach(step);
      if (this.#waiting.length === 0) return step;
      const [chosen] = this.#waiting.splice(choose(this.#waiting.length), 1);
      await chosen!.run();
    }
  }
}
