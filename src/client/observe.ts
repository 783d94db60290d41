import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { AccessCounter } from "./access-counter.ts";
import type { AccessKind } from "./access-kind.ts";
import { type AgentAddress, type AgentAnswer, AgentConnection } from "./agent-connection.ts";
import { attachIoredis, isAttachedIoredis } from "./drivers/ioredis.ts";
import { mitigableClient } from "./drivers/mitigable.ts";
import { attachNodeRedis, isAttachedNodeRedis } from "./drivers/node-redis.ts";
import type { MitigableClient } from "./mitigation/mitigable-client.ts";
import type { MitigateSettings } from "./mitigation/mitigate-options.ts";
import { isMitigated, Mitigation, type MitigationStats } from "./mitigation/mitigation.ts";
import type { Place } from "./observer.ts";
import { checkedOptions, type ObserveOptions } from "./options.ts";
import type { KeyCount } from "./recent-heat.ts";
import { Reporting } from "./reporting.ts";
import { unrefClock } from "./unref-clock.ts";

/** `stop()` waits for the agent no longer than this. */
const STOP_MS = 1000;
const HOSTNAME_CHARACTERS_MAX = 200;
const NOT_A_CLIENT = "redis: expected a client of ioredis or node-redis";

export interface Observation {
  /**
   * Counts `weight` (a whole number, default 1) accesses of a key that no command of `redis` tells of; `kind`: default
   * `read`. Exact: it is never sampled. Throws nothing; what makes no sense is counted as dropped.
   */
  record(key: string | Uint8Array, kind?: AccessKind, weight?: number): void;
  /**
   * The `limit` keys that were accessed most over about the last 10 s, as far as this process knows, hottest first.
   * Sampled counts are scaled; where there are thousands of keys, rates of the lesser ones may be too low.
   */
  topKeys(limit: number): KeyCount[];
  /** Restores the client, sends what is left (for 1 s at most) and gives all memory back. */
  stop(): Promise<void>;
  readonly stats: ObservationStats;
  /** How reads of leased keys fare; `null`: without `mitigate`, and for a client that another observation mitigates. */
  readonly mitigation: MitigationStats | null;
}

/** In accesses as they were counted: one that was counted with probability 1/8 stands for eight. */
export interface ObservationStats {
  /** With which each command is counted now: a power of two. */
  readonly probability: number;
  readonly counted: number;
  /** Accepted by the agent. */
  readonly sent: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
}

/**
 * Why the agent is not told of accesses. `too-many-keys`: only those that were counted most are kept; `key-too-long`:
 * over 64 KiB; `agent-away`: for longer than batches are kept; `refused`: the agent would not have them; `invalid`: what
 * `record` was given makes no sense.
 */
export type DropReason = "too-many-keys" | "key-too-long" | "agent-away" | "refused" | "invalid";

/**
 * Counts which keys `redis` (a client of ioredis or node-redis) accesses, and tells an agent.
 *
 * From here on nothing is thrown, the app never waits, and nothing keeps the process alive. When the agent refuses what
 * it is sent, a process warning with the code `KEYHEAT_REFUSED` says so, once.
 *
 * A client that is observed already, itself or as a duplicate, is counted by its first observation only: of the new one
 * counts what `record` is given, and a process warning with the code `KEYHEAT_OBSERVED` says so, once. With `mitigate` it
 * is of one client, without its duplicates, by the first observation of it that says so.
 *
 * Throws: TypeError or RangeError where the options are bad, or `redis` is no such client.
 */
export function observe(redis: object, options: ObserveOptions): Observation {
  const { service, agent, sampleRate, mitigate } = checkedOptions(options);
  if (typeof redis !== "object" || redis === null) throw new TypeError(NOT_A_CLIENT);
  const mitigable = mitigate === null ? null : mitigableBy(redis, mitigate);
  const books = new Books();
  let reporting: Reporting | null = null;
  const counter = new AccessCounter({
    sampleRate,
    place: placeOf(redis),
    clock: unrefClock,
    onDropped: (reason, accesses) => books.drop(reason, accesses),
    onBegin: agent === null ? null : () => reporting?.begin(),
  });
  const detach = attachIoredis(redis, counter.sampler) ?? attachNodeRedis(redis, counter.sampler);
  if (detach === null) {
    if (!isAttachedIoredis(redis) && !isAttachedNodeRedis(redis)) throw new TypeError(NOT_A_CLIENT);
    warnOfSecond();
  }
  if (agent !== null) reporting = newReporting(counter, service, agent, books);
  const mitigation =
    agent === null || mitigate === null || mitigable === null
      ? null
      : new Mitigation(redis, mitigable, mitigate, agent, (key) => counter.record(key, "absorbed", 1));
  let stopped: Promise<void> | null = null;
  return {
    record: (key, kind = "read", weight = 1) => counter.record(key, kind, weight),
    topKeys: (limit) => counter.topKeys(limit),
    stop: () => {
      stopped ??= stop([() => mitigation?.close(), detach ?? (() => {})], counter, reporting);
      return stopped;
    },
    get stats() {
      const { probability } = counter.sampler;
      return { probability, counted: counter.tallies.counted, ...books.read() };
    },
    get mitigation() {
      return mitigation?.stats ?? null;
    },
  };
}

async function stop(
  restores: readonly (() => void)[],
  counter: AccessCounter,
  reporting: Reporting | null,
): Promise<void> {
  for (const restore of restores) restore();
  const rest = counter.end();
  await reporting?.close(rest, STOP_MS);
}

/** Before anything is changed. `null`: another observation mitigates it. Throws: TypeError where that cannot be. */
function mitigableBy(redis: object, { tracking }: MitigateSettings): MitigableClient | null {
  const client = mitigableClient(redis);
  if (isMitigated(client)) {
    warnOfSecond();
    return null;
  }
  if (client.foreignRead !== null) {
    throw new TypeError(
      `mitigate: redis.${client.foreignRead} is not the driver's own, and what it returns is not known; use LocalCache in it`,
    );
  }
  if (!client.canTrack && tracking !== null && tracking !== false) {
    throw new TypeError("tracking: expected a client of ioredis; leave it out, values then go by their TTL");
  }
  return client;
}

function newReporting(
  counter: AccessCounter,
  service: string,
  address: AgentAddress,
  books: Books,
): Reporting {
  return new Reporting(counter, {
    service,
    instance: `${hostname().slice(0, HOSTNAME_CHARACTERS_MAX)}:${process.pid}:${randomBytes(6).toString("hex")}`,
    connection: new AgentConnection(address),
    clock: unrefClock,
    onSent: (accesses) => books.send(accesses),
    onDropped: (reason, accesses) => books.drop(reason, accesses),
    onLeft: (accesses) => books.drop("too-many-keys", accesses),
    onRefused: (answer) => warnOfRefusal(address, answer),
  });
}

/** What became of accesses that were counted. */
class Books {
  #sent = 0;
  readonly #dropped: Record<DropReason, number> = {
    "too-many-keys": 0,
    "key-too-long": 0,
    "agent-away": 0,
    refused: 0,
    invalid: 0,
  };

  send(accesses: number): void {
    this.#sent += accesses;
  }

  drop(reason: DropReason, accesses: number): void {
    this.#dropped[reason] += accesses;
  }

  read(): Pick<ObservationStats, "sent" | "dropped"> {
    return { sent: this.#sent, dropped: { ...this.#dropped } };
  }
}

let hasWarnedOfSecond = false;

function warnOfSecond(): void {
  if (hasWarnedOfSecond) return;
  hasWarnedOfSecond = true;
  const told =
    "Keyheat observes this client already, itself or as a duplicate: its commands are counted once, and its keys cooled once";
  process.emitWarning(told, { type: "KeyheatWarning", code: "KEYHEAT_OBSERVED" });
}

const SHOWN_MAX = 200;

function warnOfRefusal({ url }: AgentAddress, { status, body }: AgentAnswer): void {
  const told = body.slice(0, SHOWN_MAX).replace(/\p{Cc}+/gu, " ");
  process.emitWarning(`Keyheat's agent at ${url.origin} refuses samples: ${status} ${told}`, {
    type: "KeyheatWarning",
    code: "KEYHEAT_REFUSED",
  });
}

/** Of what apps record: any server of the client's, in its database. */
function placeOf(redis: object): Place {
  const options: unknown = "options" in redis ? redis.options : null;
  if (typeof options !== "object" || options === null) return { target: null, db: 0 };
  const { db, database = db } = options as { db?: unknown; database?: unknown };
  return { target: null, db: Number.isInteger(database) && Number(database) >= 0 ? Number(database) : 0 };
}
