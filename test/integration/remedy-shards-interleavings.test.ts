import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import type { Redis } from "ioredis";
import { HashShards } from "../../src/client/remedies/hash-shards.ts";
import { ShardedSet } from "../../src/client/remedies/sharded-set.ts";
import { shardOf } from "../../src/client/remedies/shards/field-hash.ts";
import fc from "../support/fast-check.ts";
import { byPriority, type Crash, Interleaving } from "../support/interleaving.ts";
import { type Call, isLinearizable } from "../support/linearizability.ts";
import { UnfencedHashShards } from "../support/naive-shards.ts";
import { startRedis, type TestServer } from "../support/redis.ts";
import { ioredisAt } from "../support/remedy-clients.ts";

/** Each client's count: so the first call of each but the first makes it grow. */
const COUNTS = [1, 2, 3];
/** More of them find rarer orders: with `KEYHEAT_SEED=random`, 5,000 take about a minute. */
const RUNS = Number(process.env.KEYHEAT_INTERLEAVINGS ?? 150);

/** A field that each growth moves, so that it has three places; by modulo too. */
const FIELD = Array.from({ length: 1000 }, (_, index) => `f${index}`).find((name) =>
  [2, 3].every(
    (count) => shardOf(Buffer.from(name), count) === count - 1 && crc32(name) % count === count - 1,
  ),
)!;

type HashOperation = "get" | "set" | "set with a ttl" | "delete" | "rebalance";
type SetOperation = "has" | "add" | "remove" | "size" | "members" | "rebalance";

interface Named<Kind> {
  readonly kind: Kind;
  readonly value: string;
}

/** What was called before, in what state the clients begin, what they call one after the other each, and when. */
interface Plan<Kind> {
  /** One after the other, by clients with these counts; with a crash, up to that step alone. */
  readonly past: readonly {
    readonly shards: number;
    readonly kind: Kind;
    readonly crashStep: number | null;
  }[];
  readonly clients: readonly { readonly shards: number; readonly kinds: readonly Kind[] }[];
  /** Whether the clients know the counts that were in use before. */
  readonly isWarm: boolean;
  readonly priorities: readonly number[];
  readonly changes: readonly number[];
  readonly crash: Crash | null;
}

const step = fc.oneof(fc.nat(6), fc.nat(40));

function plans<Kind extends string>(
  kinds: readonly Kind[],
  writes: readonly Kind[],
): fc.Arbitrary<Plan<Kind>> {
  const shards = fc.constantFrom(...COUNTS);
  return fc.record({
    past: fc.array(
      fc.record({
        shards,
        kind: fc.constantFrom(...writes),
        crashStep: fc.option(fc.nat(12), { nil: null }),
      }),
      { maxLength: 3 },
    ),
    clients: fc.array(
      fc.record({ shards, kinds: fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 3 }) }),
      { minLength: 2, maxLength: 4 },
    ),
    isWarm: fc.boolean(),
    priorities: fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 }),
    changes: fc.array(step, { maxLength: 6 }),
    crash: fc.option(fc.record({ client: fc.nat(3), step }), { nil: null }),
  });
}

type Perform<Kind> = (client: object, shards: number) => (operation: Named<Kind>) => Promise<unknown>;

/** The calls of a plan, with their times and results. */
class Performance<Kind> {
  readonly calls: Call<Named<Kind>, unknown>[] = [];
  #now = 0;

  async call(performOne: (operation: Named<Kind>) => Promise<unknown>, kind: Kind): Promise<void> {
    const operation = { kind, value: String(this.calls.length) };
    const call = {
      operation,
      start: this.#now++,
      end: Number.POSITIVE_INFINITY,
      result: undefined as unknown,
    };
    this.calls.push(call);
    call.result = await performOne(operation);
    call.end = this.#now++;
  }
}

async function carryOut<Kind>(
  redis: Redis,
  plan: Plan<Kind>,
  { warm, perform }: { warm: Kind; perform: Perform<Kind> },
): Promise<Performance<Kind>> {
  const performance = new Performance<Kind>();
  const failures: unknown[] = [];
  for (const { shards, kind, crashStep } of plan.past) {
    const past = new Interleaving(redis);
    performance.call(perform(past.client(0), shards), kind).catch((error) => failures.push(error));
    await past.run(() => 0, crashStep === null ? null : { client: 0, step: crashStep });
  }
  const interleaving = new Interleaving(redis);
  const performers = plan.clients.map(({ shards }, number) => perform(interleaving.client(number), shards));
  if (plan.isWarm) {
    // Those with the lowest counts last would find them grown already.
    const order = [...plan.clients.keys()].sort((a, b) => plan.clients[a]!.shards - plan.clients[b]!.shards);
    for (const number of order.slice(0, -1)) {
      performance.call(performers[number]!, warm).catch((error) => failures.push(error));
      await interleaving.run(() => 0, null);
    }
  }
  plan.clients.forEach(({ kinds }, number) => {
    const all = async () => {
      for (const kind of kinds) await performance.call(performers[number]!, kind);
    };
    all().catch((error) => failures.push(error));
  });
  await interleaving.run(byPriority(plan.priorities, plan.changes), plan.crash);
  assert.deepEqual(failures, []);
  const unended = performance.calls.filter(({ end }) => end === Number.POSITIVE_INFINITY).length;
  const crashes =
    plan.past.filter(({ crashStep }) => crashStep !== null).length + (plan.crash === null ? 0 : 1);
  assert.ok(unended <= crashes, "a call never ended");
  return performance;
}

/** What holds, and whether it may have expired. */
type HashState = readonly [value: string | null, mayExpire: boolean];

function nextHash(
  [value, mayExpire]: HashState,
  { kind, value: set }: Named<HashOperation>,
  result: unknown,
): readonly HashState[] {
  switch (kind) {
    case "set":
      return [[set, false]];
    case "set with a ttl":
      return [[set, true]];
    case "rebalance":
      return [[value, mayExpire]];
    case "delete":
      return result !== true || value !== null ? [[null, false]] : [];
    case "get": {
      if (result === undefined || result === value) return [[value, mayExpire]];
      return result === null && mayExpire ? [[null, false]] : [];
    }
  }
}

const HASH_PLANS = fc.oneof(
  plans<HashOperation>(["get", "set", "delete", "rebalance", "rebalance", "rebalance"], ["set"]),
  plans<HashOperation>(
    ["get", "get", "set", "set", "set with a ttl", "delete", "delete", "rebalance", "rebalance"],
    ["set", "set", "set with a ttl", "delete", "rebalance"],
  ),
);

interface Hash {
  get(field: string): Promise<string | null>;
  set(field: string, value: string, options: { ttlMs?: number }): Promise<void>;
  delete(field: string): Promise<boolean>;
  rebalance?(): Promise<void>;
}

let keys = 0;

/** Whether the calls take effect in one order, on the hash that `make` makes for each client. */
function hashProperty(redis: Redis, make: (client: object, key: string, shards: number) => Hash) {
  return fc.asyncProperty(HASH_PLANS, async (plan) => {
    const key = `hash${keys++}`;
    const perform = (client: object, shards: number) => {
      const hash = make(client, key, shards);
      return async ({ kind, value }: Named<HashOperation>): Promise<unknown> => {
        if (kind === "get") return await hash.get(FIELD);
        if (kind === "delete") return await hash.delete(FIELD);
        if (kind === "rebalance") return await hash.rebalance?.();
        return await hash.set(FIELD, value, kind === "set" ? {} : { ttlMs: 1 });
      };
    };
    const { calls } = await carryOut(redis, plan, { warm: "get", perform });
    const last = { start: 1e9, end: 1e9 + 1, operation: { kind: "get" as const, value: "" } };
    const result: unknown = await make(redis, key, 3).get(FIELD);
    const all = [...calls, { ...last, result }];
    assert.ok(
      isLinearizable<Named<HashOperation>, unknown, HashState>(all, [null, false], nextHash),
      JSON.stringify(all),
    );
  });
}

describe("calls on one field or member take effect in one order", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  test("of HashShards, whatever the order of commands, while the count grows, is rebalanced, and clients die", async (t) => {
    const redis = ioredisAt(t, server.port);
    const property = hashProperty(redis, (client, key, shards) => new HashShards(client, key, { shards }));
    await fc.assert(property, { numRuns: RUNS });
  });
  test("of a hash whose clients are not told that its count has grown, they do not", async (t) => {
    const redis = ioredisAt(t, server.port);
    const property = hashProperty(
      redis,
      (client, key, shards) => new UnfencedHashShards(client, key, { shards, counts: COUNTS }),
    );
    const { failed } = await fc.check(property, { numRuns: RUNS, endOnFailure: true });
    assert.ok(failed);
  });
  test("of ShardedSet, likewise", async (t) => {
    const redis = ioredisAt(t, server.port);
    const next = (isMember: boolean, { kind }: Named<SetOperation>, result: unknown) => {
      switch (kind) {
        case "add":
          return result !== 0 || isMember ? [true] : [];
        case "remove":
          return result !== 1 || isMember ? [false] : [];
        case "has":
          return result === undefined || result === isMember ? [isMember] : [];
        default:
          return [isMember];
      }
    };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          plans<SetOperation>(["has", "remove", "rebalance", "rebalance", "rebalance"], ["add"]),
          plans<SetOperation>(
            ["has", "has", "add", "add", "remove", "remove", "rebalance", "rebalance", "members", "size"],
            ["add", "add", "remove", "rebalance"],
          ),
        ),
        async (plan) => {
          const key = `set${keys++}`;
          const perform = (client: object, shards: number) => {
            const set = new ShardedSet(client, key, { shards });
            return async ({ kind }: Named<SetOperation>): Promise<unknown> => {
              if (kind === "rebalance") return await set.rebalance();
              if (kind === "size") return await set.size();
              if (kind === "members") return await set.members();
              return await set[kind](FIELD);
            };
          };
          const { calls } = await carryOut(redis, plan, { warm: "has", perform });
          const set = new ShardedSet(redis, key, { shards: 3 });
          const result: unknown = await set.has(FIELD);
          const last = { start: 1e9, end: 1e9 + 1, operation: { kind: "has" as const, value: "" } };
          const all = [...calls, { ...last, result }];
          assert.ok(isLinearizable(all, false, next), JSON.stringify(all));
          for (const { operation, result: given } of calls)
            if (operation.kind === "members" && given !== undefined)
              assert.ok((given as string[]).length <= 1);
          assert.deepEqual(await set.members(), result ? [FIELD] : []);
          assert.equal(await set.size(), result ? 1 : 0);
          await set.rebalance();
          assert.deepEqual(await set.members(), result ? [FIELD] : []);
          assert.equal(await set.size(), result ? 1 : 0);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("wherever a call of ShardedSet dies, size, members and has agree, also where an older shard still has the member", async (t) => {
    const redis = ioredisAt(t, server.port);
    const sizes = new Set<number>();
    for (const kind of ["remove", "add", "rebalance"] as const) {
      for (let step = 0; step < 16; step++) {
        const key = `died${keys++}`;
        await new ShardedSet(redis, key, { shards: 1 }).add(FIELD);
        await new ShardedSet(redis, key, { shards: 3 }).has("other");
        const interleaving = new Interleaving(redis);
        const dying = new ShardedSet(interleaving.client(0), key, { shards: 3 });
        void (kind === "rebalance" ? dying.rebalance() : dying[kind](FIELD));
        await interleaving.run(() => 0, { client: 0, step });
        const set = new ShardedSet(redis, key);
        const size = await set.size();
        sizes.add(size);
        const expected = [size, size === 1 ? [FIELD] : [], size === 1];
        for (const each of [set, new ShardedSet(redis, key, { shards: 64 })])
          assert.deepEqual([await each.size(), await each.members(), await each.has(FIELD)], expected);
        assert.ok(kind === "remove" || size === 1);
        await set.rebalance();
        assert.deepEqual([await set.size(), await set.members(), await set.has(FIELD)], expected);
      }
    }
    assert.deepEqual(sizes, new Set([1, 0]));
  });
});
