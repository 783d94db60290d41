import { Redis } from "ioredis";
import { observe } from "../../client/index.ts";
import { SCHEDULE_MS, USERS, zipfRank } from "./load.ts";

/** A key that only reads overheat: no keyspace event tells of it, the application itself does. */
export const READ_HOT = {
  key: "flag:new-checkout",
  fromMs: 20_000,
  untilMs: 70_000,
  perSecond: 5_000,
} as const;

const SERVICE = "storefront";
const BASE_PER_SECOND = 300;
const TICK_MS = 20;
const UNANSWERED_MAX = 2_000;

/** How often the key is read at `elapsedMs` after the start. Pure. */
export function readsPerSecondAt(elapsedMs: number): number {
  const phaseMs = elapsedMs % SCHEDULE_MS;
  return phaseMs >= READ_HOT.fromMs && phaseMs < READ_HOT.untilMs ? READ_HOT.perSecond : 0;
}

/** An application that reads by ioredis and reports its accesses to the agent at `agentUrl`, until stopped. */
export class Storefront {
  readonly #redis: Redis;
  readonly #watch: ReturnType<typeof observe>;
  readonly #startMs: number;
  readonly #timer: NodeJS.Timeout;
  #lastTickMs = 0;
  #usersOwed = 0;
  #hotOwed = 0;
  #unanswered = 0;

  /** `startMs`: of the demo, as by `performance.now()`. */
  constructor(port: number, agentUrl: string, startMs: number) {
    this.#startMs = startMs;
    this.#redis = new Redis(port, "127.0.0.1", { enableOfflineQueue: false });
    // Without it an error on the connection would end the process.
    this.#redis.on("error", () => {});
    this.#redis.on("ready", () => this.#redis.set(READ_HOT.key, "on").catch(() => {}));
    this.#watch = observe(this.#redis, { service: SERVICE, agent: agentUrl });
    this.#timer = setInterval(() => this.#tick(performance.now() - this.#startMs), TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#watch.stop();
    this.#redis.disconnect();
  }

  #tick(elapsedMs: number): void {
    const seconds = Math.min(5 * TICK_MS, elapsedMs - this.#lastTickMs) / 1000;
    this.#lastTickMs = elapsedMs;
    if (this.#redis.status !== "ready" || this.#unanswered > UNANSWERED_MAX) return;
    this.#usersOwed += BASE_PER_SECOND * seconds;
    this.#hotOwed += readsPerSecondAt(elapsedMs) * seconds;
    for (; this.#usersOwed >= 1; this.#usersOwed--) this.#read(`user:${zipfRank(USERS, Math.random())}`);
    for (; this.#hotOwed >= 1; this.#hotOwed--) this.#read(READ_HOT.key);
  }

  #read(key: string): void {
    this.#unanswered++;
    const isAnswered = () => void this.#unanswered--;
    this.#redis.get(key).then(isAnswered, isAnswered);
  }
}
