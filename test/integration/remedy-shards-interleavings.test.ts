import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { HashShards } from "../../src/client/remedies/hash-shards.ts";
import { ShardedSet } from "../../src/client/remedies/sharded-set.ts";
import { shardOf } from "../../src/client/remedies/shards/field-hash.ts";
import fc from "../support/fast-check.ts";
import { Interleaving } from "../support/interleaving.ts";
import { type Call, isLinearizable } from "../support/linearizability.ts";
import { startRedis, type TestServer } from "../support/redis.ts";
import { ioredisAt } from "../support/remedy-clients.ts";

/** Each client's count: so the first call of each but the first makes it grow. */
const COUNTS = [1, 2, 3];
const RUNS = Number(process.env.KEYHEAT_INTERLEAVINGS ?? 150);

/** A field that each growth moves, so that it has three places. */
const FIELD = Array.from({ length: 1000 }, (_, index) => `f${index}`).find(
  (name) => shardOf(Buffer.from(name), 2) === 1 && shardOf(Buffer.from(name), 3) === 2,
)!;

type HashOperation = "get" | "set" | "set with a ttl" | "delete" | "rebalance";
type SetOperation = "has" | "add" | "remove" | "size" | "members" | "rebalance";

/** Operations that the clients do one after the other each, the order of all commands, and who dies when. */
interface Plan<Kind> {
  readonly clients: readonly (readonly Kind[])[];
  readonly order: readonly number[];
  readonly crash: { readonly client: number; readonly step: number } | null;
}

function plans<Kind extends string>(kinds: readonly Kind[]): fc.Arbitrary<Plan<Kind>> {
  const operations = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 3 });
  return fc.record({
    clients: fc.array(operations, { minLength: 2, maxLength: 4 }),
    order: fc.array(fc.nat(1000), { minLength: 150, maxLength: 150 }),
    crash: fc.option(fc.record({ client: fc.nat(3), step: fc.nat(60) }), { nil: null }),
  });
}

interface Named<Kind> {
  readonly kind: Kind;
  readonly value: string;
}

/** The calls of the plan, with their times and results. */
async function carryOut<Kind, Result>(
  redis: Redis,
  { clients, order, crash }: Plan<Kind>,
  perform: (client: object, number: number) => (operation: Named<Kind>) => Promise<Result>,
): Promise<Call<Named<Kind>, Result>[]> {
  const interleaving = new Interleaving(redis);
  const calls: Call<Named<Kind>, Result>[] = [];
  let now = 0;
  const failures: unknown[] = [];
  clients.forEach((kinds, number) => {
    const performOne = perform(interleaving.client(number), number);
    const all = async () => {
      for (const [index, kind] of kinds.entries()) {
        const operation = { kind, value: `${number}.${index}` };
        const call: Call<Named<Kind>, Result> = {
          operation,
          start: now++,
          end: Number.POSITIVE_INFINITY,
          result: undefined,
        };
        calls.push(call);
        call.result = await performOne(operation);
        call.end = now++;
      }
    };
    all().catch((error) => failures.push(error));
  });
  let at = 0;
  await interleaving.run(
    (count) => order[at++ % order.length]! % count,
    (step) => {
      if (crash !== null && step === crash.step) interleaving.crash(crash.client);
    },
  );
  assert.deepEqual(failures, []);
  const isDone = calls.every(({ end }) => end < Number.POSITIVE_INFINITY);
  assert.ok(isDone || crash !== null, "a call never ended");
  return calls;
}

describe("calls on one field or member take effect in one order", () => {
  let server: TestServer;
  let keys = 0;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  test("of HashShards, whatever the order of commands, while the count grows, is rebalanced, and clients die", async (t) => {
    const redis = ioredisAt(t, server.port);
    /** What holds, and whether it may have expired. */
    type State = readonly [value: string | null, mayExpire: boolean];
    const next = ([value, mayExpire]: State, { kind, value: set }: Named<HashOperation>, result: unknown) => {
      const gone: State = [null, false];
      switch (kind) {
        case "set":
          return [[set, false] as State];
        case "set with a ttl":
          return [[set, true] as State];
        case "rebalance":
          return [[value, mayExpire] as State];
        case "delete":
          return result !== true || value !== null ? [gone] : [];
        case "get": {
          if (result === undefined || result === value) return [[value, mayExpire] as State];
          return result === null && mayExpire ? [gone] : [];
        }
      }
    };
    await fc.assert(
      fc.asyncProperty(
        plans<HashOperation>(["get", "get", "set", "set", "set with a ttl", "delete", "rebalance"]),
        async (plan) => {
          const key = `hash${keys++}`;
          const calls = await carryOut(redis, plan, (client, number) => {
            const hash = new HashShards(client, key, { shards: COUNTS[number % COUNTS.length]! });
            return async ({ kind, value }): Promise<unknown> => {
              if (kind === "get") return await hash.get(FIELD);
              if (kind === "delete") return await hash.delete(FIELD);
              if (kind === "rebalance") return await hash.rebalance();
              return await hash.set(FIELD, value, kind === "set" ? {} : { ttlMs: 1 });
            };
          });
          const last = { start: 1e9, end: 1e9 + 1, operation: { kind: "get" as const, value: "" } };
          const result: unknown = await new HashShards(redis, key, { shards: 3 }).get(FIELD);
          const all = [...calls, { ...last, result }];
          assert.ok(isLinearizable(all, [null, false] as State, next), JSON.stringify(all));
        },
      ),
      { numRuns: RUNS },
    );
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
        plans<SetOperation>(["has", "has", "add", "add", "remove", "rebalance", "members", "size"]),
        async (plan) => {
          const key = `set${keys++}`;
          const calls = await carryOut(redis, plan, (client, number) => {
            const set = new ShardedSet(client, key, { shards: COUNTS[number % COUNTS.length]! });
            return async ({ kind }): Promise<unknown> => {
              if (kind === "rebalance") return await set.rebalance();
              if (kind === "size") return await set.size();
              if (kind === "members") return await set.members();
              return await set[kind](FIELD);
            };
          });
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
});
