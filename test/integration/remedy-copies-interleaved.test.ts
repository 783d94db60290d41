import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { Redis } from "ioredis";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { parseCopy } from "../../src/client/remedies/replicated/copy.ts";
import { ReplicatedValue } from "../../src/client/remedies/replicated-value.ts";
import { SlotSpread } from "../../src/client/remedies/slot-spread.ts";
import { SLOT_COUNT } from "../../src/model/slot.ts";
import { byPriority, Interleaving } from "../support/interleaving.ts";
import { seededRandom, wholeNumbers } from "../support/random.ts";
import { startRedis, type TestServer } from "../support/redis.ts";

const KEY = "interleaved";
const COPIES = 3;
const WRITERS = [0, 1];
const READERS = [2, 3, 4];
const WRITES = 4;
const READS = 8;
/** About as many commands as a run has. */
const STEPS = 100;

/** What a process calls. */
interface Value {
  set(value: string): Promise<void>;
  delete(): Promise<void>;
  get(): Promise<string | null>;
}

/** A value under several names, of which the first one decides. */
interface Subject {
  readonly names: readonly string[];
  make(client: object): Value;
  /** What is stored under the first name, as a value. */
  valueIn(stored: Buffer | null): string | null;
}

/** One server stands for three nodes: the order in which they are asked is the test's. */
const SLOTS = Array.from({ length: SLOT_COUNT }, (_, slot) => [
  `node:${Math.floor((slot * COPIES) / SLOT_COUNT)}`,
]);
const asCluster = (client: object): object => ({ ...client, isCluster: true, slots: SLOTS });
const nobody = asCluster({ options: {}, defineCommand: () => {}, callBuffer: () => {} });

const slotSpread: Subject = {
  names: new SlotSpread(nobody).variants(KEY).map(({ key }) => key),
  make: (client) => {
    const spread = new SlotSpread(asCluster(client));
    return {
      set: (value) => spread.set(KEY, value),
      delete: () => spread.delete(KEY),
      get: () => spread.get(KEY),
    };
  },
  valueIn: (stored) => stored?.toString() ?? null,
};

const replicatedValue: Subject = {
  names: partNames(KEY, "copy", COPIES, { isCluster: false, keyPrefix: Buffer.alloc(0) }).map(String),
  make: (client) => new ReplicatedValue(client, KEY, { copies: COPIES }),
  valueIn: (stored) => parseCopy(stored ?? Buffer.alloc(0))?.value?.toString() ?? null,
};

interface Sender {
  callBuffer(name: string, ...args: string[]): Promise<unknown>;
}

/** What one would write first: a reader that finds nothing under a name takes it from the first. */
const naive: Subject = {
  ...slotSpread,
  make: (client) => {
    const { callBuffer } = client as Sender;
    const [home] = naive.names;
    return {
      set: async (value) => {
        for (const name of naive.names) await callBuffer("SET", name, value);
      },
      delete: async () => {
        for (const name of naive.names) await callBuffer("DEL", name);
      },
      get: async () => {
        const name = naive.names[Math.floor(Math.random() * COPIES)]!;
        const value = (await callBuffer("GET", name)) ?? (await callBuffer("GET", home!));
        if (value === null) return null;
        await callBuffer("SET", name, String(value));
        return String(value);
      },
    };
  },
};

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

/** What the first name has held, one after the other, and which of that everybody must have seen. */
class History {
  readonly problems: string[] = [];
  readonly #states: (string | null)[] = [null];
  /** Nothing older than this state may be read by who asks now. */
  #confirmed = 0;
  #evictions = 0;

  get now(): number {
    return this.#states.length - 1;
  }

  holds(value: string | null): void {
    if (value !== this.#states.at(-1)) this.#states.push(value);
  }

  /**
   * A write that is through, and began at the state `begun`. One that was under way when a copy was evicted may be
   * missing there: with the copy went what keeps older ones out.
   */
  confirm(value: string | null, begun: number, evictions: number): void {
    if (evictions !== this.#evictions) return;
    const state = this.#states.indexOf(value, begun);
    if (state < 0) this.problems.push(`${value} was confirmed and was never there`);
    this.#confirmed = Math.max(this.#confirmed, state);
  }

  get evictions(): number {
    return this.#evictions;
  }

  evict(): void {
    this.#evictions++;
    this.#confirmed = 0;
  }

  async read(who: string, get: () => Promise<string | null>): Promise<void> {
    const [floor, evictions] = [this.#confirmed, this.#evictions];
    const value = await get();
    if (evictions !== this.#evictions || this.#states.includes(value, floor)) return;
    const known = this.#states.includes(value) ? "older" : "never there";
    this.problems.push(`${who} read ${value} (${known}) after ${this.#states[floor]} was confirmed`);
  }
}

/** Two writers and three readers; a crash, and evictions of copies, in some runs. */
async function run({ names, make, valueIn }: Subject, seed: number): Promise<string[]> {
  await redis.flushall();
  const draw = wholeNumbers(seed);
  const world = new Interleaving(redis);
  const history = new History();
  const home = names[0]!;
  const writer = async (client: number) => {
    const value = make(world.client(client));
    for (let n = 1; n <= WRITES; n++) {
      const written = draw(3) === 0 ? null : `${client}:${n}`;
      const { now, evictions } = history;
      await (written === null ? value.delete() : value.set(written));
      history.confirm(written, now, evictions);
    }
  };
  const reader = async (client: number) => {
    const value = make(world.client(client));
    for (let n = 0; n < READS; n++) await history.read(`reader ${client}`, () => value.get());
  };
  const actors = [...WRITERS.map(writer), ...READERS.map(reader)];
  const evictions = new Map(
    Array.from({ length: seed % 2 === 0 ? 3 : 0 }, () => [draw(STEPS), names[1 + draw(COPIES - 1)]!]),
  );
  const priorities = actors.map(() => draw(1000));
  const inTurn = byPriority(priorities, [draw(STEPS), draw(STEPS), draw(STEPS)]);
  const choose = seed % 3 === 0 ? (clients: readonly number[]) => draw(clients.length) : inTurn;
  const crash = seed % 5 === 0 ? { client: WRITERS[0]!, step: draw(STEPS / 2) } : null;
  await world.run((clients, step) => {
    // Replies come in the order of commands: this is known before the next one is answered.
    void redis.getBuffer(home).then((stored) => history.holds(valueIn(stored)));
    const evicted = evictions.get(step);
    if (evicted !== undefined) {
      history.evict();
      void redis.del(evicted);
    }
    return choose(clients, step);
  }, crash);
  if (crash === null) await Promise.all(actors);
  history.holds(valueIn(await redis.getBuffer(home)));
  const late = new Interleaving(redis);
  const last = make(late.client(0));
  const reads = Array.from({ length: 12 }, () => history.read("the last reader", () => last.get()));
  await late.run(() => 0, null);
  await Promise.all(reads);
  return history.problems;
}

async function problemsOf(t: TestContext, subject: Subject, runs: number): Promise<string[]> {
  // Which variant is read is drawn as well.
  t.mock.method(Math, "random", seededRandom(1));
  const problems: string[] = [];
  for (let seed = 1; seed <= runs; seed++)
    for (const problem of await run(subject, seed)) problems.push(`seed ${seed}: ${problem}`);
  return problems;
}

for (const [name, subject] of Object.entries({ slotSpread, replicatedValue })) {
  test(`${name}: whatever the order, crash and eviction, nobody reads what is older than confirmed, nor what was deleted`, async (t) => {
    assert.deepEqual(await problemsOf(t, subject, 150), []);
  });
}

test("the same value under several names is read when it is older than confirmed, and comes back when deleted", async (t) => {
  const problems = (await problemsOf(t, naive, 40)).join("\n");
  assert.match(problems, /read \d:\d \(older\) after \d:\d was confirmed/);
  assert.match(problems, /read \d:\d \(older\) after null was confirmed/);
});
