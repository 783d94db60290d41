import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { setImmediate as settled } from "node:timers/promises";
import { Redis } from "ioredis";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { ReplicatedValue } from "../../src/client/remedies/replicated-value.ts";
import { type GatedCall, gatedClient } from "../support/gated-client.ts";
import { seededRandom, wholeNumbers } from "../support/random.ts";
import { startRedis, type TestServer } from "../support/redis.ts";

const COPIES = 3;
const RUNS = 100;
const KEY = "interleaved";
const NAMES = partNames(KEY, "copy", COPIES, { isCluster: false, keyPrefix: Buffer.alloc(0) });

interface Value {
  set(value: string): Promise<void>;
  get(): Promise<string | null>;
}

type Make = (redis: object) => Value;

const remedy: Make = (redis) => new ReplicatedValue(redis, KEY, { copies: COPIES });

interface Sender {
  callBuffer(name: string, ...args: (string | Buffer)[]): Promise<unknown>;
}

/** What one would write first: the same value under several keys. */
function naive(redis: object, { isEmptied }: { readonly isEmptied: boolean }): Value {
  const { callBuffer } = redis as Sender;
  return {
    set: async (value) => {
      if (isEmptied) await Promise.all(NAMES.map((name) => callBuffer("DEL", name)));
      await Promise.all(NAMES.map((name) => callBuffer("SET", name, value)));
    },
    get: async () => {
      const value = await callBuffer("GET", NAMES[Math.floor(Math.random() * COPIES)]!);
      return value === null ? null : String(value);
    },
  };
}

let server: TestServer;
let redis: Redis;
before(async () => {
  server = await startRedis(null);
  redis = new Redis(server.port, "127.0.0.1");
});
after(async () => {
  redis.disconnect();
  await server.stop();
});

/** Commands of all processes, which reach the server one at a time, in an order drawn at random. */
class Interleaving {
  now = 0;
  readonly #draw: (below: number) => number;
  readonly #held: { readonly process: string; release(): void }[] = [];
  readonly #crashed = new Set<string>();

  constructor(seed: number) {
    this.#draw = wholeNumbers(seed);
  }

  draw(below: number): number {
    return this.#draw(below);
  }

  /** A client of a process of its own. */
  client(process: string): object {
    return gatedClient(redis, (call) => this.#hold(process, call));
  }

  /** Nothing that it sends reaches the server any more, and it never hears of it. */
  crash(process: string): void {
    this.#crashed.add(process);
  }

  /** `false`: nobody has anything to send. */
  async step(): Promise<boolean> {
    await settled();
    const alive = this.#held.filter(({ process }) => !this.#crashed.has(process));
    if (alive.length === 0) return false;
    this.now++;
    const next = alive[this.#draw(alive.length)]!;
    this.#held.splice(this.#held.indexOf(next), 1);
    const answered = this.#answer;
    next.release();
    await answered.promise;
    await settled();
    return true;
  }

  #answer = Promise.withResolvers<void>();

  #hold(process: string, _call: GatedCall): Promise<() => void> {
    return new Promise((resolve) => {
      const release = () =>
        resolve(() => {
          const { resolve: done } = this.#answer;
          this.#answer = Promise.withResolvers();
          done();
        });
      this.#held.push({ process, release });
    });
  }
}

/** A write of `A:3`, from the step when it began to when it had been confirmed, or its process crashed. */
interface Write {
  readonly value: string;
  readonly begun: number;
  ended: number;
  isConfirmed: boolean;
}

/** Two writers and three readers, a crash, evictions, and a failover of the first copy that loses what nobody confirmed. */
async function run(make: Make, seed: number): Promise<string[]> {
  await redis.flushall();
  const world = new Interleaving(seed);
  const writes: Write[] = [];
  const problems: string[] = [];
  let hasEvicted = false;
  let confirmedHome: readonly [Buffer | null, Buffer | null] = [null, null];
  const writer = async (process: string) => {
    const value = make(world.client(process));
    for (let n = 1; n <= 4; n++) {
      const write = { value: `${process}:${n}`, begun: world.now, ended: Infinity, isConfirmed: false };
      writes.push(write);
      await value.set(write.value);
      write.ended = world.now;
      write.isConfirmed = true;
    }
  };
  const reader = async (process: string, isOneProcess: boolean) => {
    const kept = make(world.client(process));
    const passed = new Set<string | null>();
    let last: string | null = null;
    for (let n = 0; n < 12; n++) {
      const asked = world.now;
      const read = await (isOneProcess ? kept : make(world.client(process))).get();
      const older = writes.find(({ value }) => value === read);
      const newer = writes.find(
        ({ isConfirmed, begun, ended }) => isConfirmed && ended < asked && (older?.ended ?? -1) < begun,
      );
      // An eviction takes a confirmed version away, and with it what keeps an older one out that is under way to there.
      if (newer !== undefined && !hasEvicted)
        problems.push(`${process} read ${read} after ${newer.value} was confirmed`);
      if (!isOneProcess || read === last) continue;
      if (passed.has(read)) problems.push(`${process} went back to ${read} from ${last}`);
      passed.add(last);
      last = read;
    }
  };
  const actors = [writer("A"), writer("B"), reader("R", true), reader("S", true), reader("fresh", false)];
  const all = Promise.allSettled(actors);
  // At most two copies are lost: a value that nobody has cannot be read.
  const faults = Array.from({ length: seed % 2 === 0 ? 2 : 0 }, () => ({
    at: 5 + world.draw(100),
    copy: world.draw(COPIES),
  }));
  const crashAt = 5 + world.draw(60);
  const failoverAt = 5 + world.draw(100);
  let confirmed = 0;
  while (await world.step()) {
    const isFurther = writes.filter(({ isConfirmed }) => isConfirmed).length > confirmed;
    if (isFurther) {
      confirmed++;
      confirmedHome = await homeNow();
    }
    if (world.now === crashAt) {
      world.crash("A");
      for (const write of writes)
        if (write.value.startsWith("A") && !write.isConfirmed) write.ended = world.now;
    }
    // Where nothing was confirmed yet everything would be lost, and there would be nothing.
    if (world.now === failoverAt && confirmed > 0) await failOver(confirmedHome);
    for (const { at, copy } of faults) {
      if (at !== world.now) continue;
      hasEvicted = true;
      await redis.del(NAMES[copy]!);
    }
  }
  const remaining = actors.slice(1);
  await Promise.race([Promise.all(remaining), all]);
  return problems;
}

const MARKER = Buffer.concat([NAMES[0]!, Buffer.from(":version")]);

async function homeNow(): Promise<[Buffer | null, Buffer | null]> {
  return [await redis.getBuffer(NAMES[0]!), await redis.getBuffer(MARKER)];
}

/** The first copy is again what it was when a write was last confirmed. */
async function failOver([copy, marker]: readonly [Buffer | null, Buffer | null]): Promise<void> {
  await (copy === null ? redis.del(NAMES[0]!) : redis.set(NAMES[0]!, copy));
  await (marker === null ? redis.del(MARKER) : redis.set(MARKER, marker));
}

async function problemsOf(t: TestContext, make: Make, runs: number): Promise<string[]> {
  // Which copy is read is drawn as well.
  t.mock.method(Math, "random", seededRandom(1));
  const problems: string[] = [];
  for (let seed = 1; seed <= runs; seed++)
    for (const problem of await run(make, seed)) problems.push(`seed ${seed}: ${problem}`);
  return problems;
}

test("whatever the order, crash, eviction and failover: no process goes back, nobody reads what is older than confirmed", async (t) => {
  assert.deepEqual(await problemsOf(t, remedy, RUNS), []);
});

test("values without versions go back", async (t) => {
  const problems = await problemsOf(t, (client) => naive(client, { isEmptied: false }), 20);
  assert.match(problems.join("\n"), /went back to/);
});

test("values deleted before they are written are seen as nothing", async (t) => {
  const problems = await problemsOf(t, (client) => naive(client, { isEmptied: true }), 20);
  assert.match(problems.join("\n"), /went back to null/);
});
