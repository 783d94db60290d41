import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { keep, showKey } from "../../src/model/key.ts";
import { patternOf } from "../../src/model/pattern.ts";
import { scanBig } from "../../src/scans/big.ts";
import { scanMemory } from "../../src/scans/memory.ts";
import type { ScanServer } from "../../src/scans/scan-server.ts";
import fc from "../support/fast-check.ts";
import { startRedis, TestConnection, type TestServer, waitFor } from "../support/redis.ts";
import { openScanServer, scanContext } from "../support/scan-context.ts";

const MEASURED = ["string", "list", "set", "zset", "hash"];

interface Item {
  readonly db: number;
  readonly name: Uint8Array;
  readonly type: string;
  /** Members, or bytes. */
  readonly size: number;
  readonly isExpired: boolean;
}

const items = fc.array(
  fc.record({
    db: fc.constantFrom(0, 1, 7),
    name: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.tuple(fc.constantFrom("user", "cart"), fc.nat(500)).map(([kind, n]) => Buffer.from(`${kind}:${n}`)),
      fc.constant(Buffer.alloc(1500, "long")),
    ),
    type: fc.constantFrom(...MEASURED, "stream"),
    size: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 30 }) },
      fc.integer({ min: 100, max: 900 }),
    ),
    isExpired: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 150 },
);

/** How a member of each type is added. */
const ADDERS: Readonly<Record<string, (key: Buffer, n: number) => readonly (string | number | Buffer)[]>> = {
  string: (key, n) => ["APPEND", key, `piece ${n} `],
  list: (key, n) => ["RPUSH", key, `item ${n}`],
  set: (key, n) => ["SADD", key, `member ${n}`],
  zset: (key, n) => ["ZADD", key, n, `member ${n}`],
  hash: (key, n) => ["HSET", key, `field ${n}`, "v".repeat(n % 80)],
  stream: (key, n) => ["XADD", key, "*", "n", n],
};

/** What the server says of a key itself. */
interface Truth {
  readonly db: number;
  readonly key: Buffer;
  readonly type: string;
  readonly bytes: number | null;
  readonly length: number;
}

const LENGTHS: Readonly<Record<string, string>> = {
  string: "STRLEN",
  list: "LLEN",
  set: "SCARD",
  zset: "ZCARD",
  hash: "HLEN",
  stream: "XLEN",
};

/** What identifies a key in an answer. */
function idOf({ db, key, keyEncoding, cut }: { db: number; key: string; keyEncoding: string; cut: boolean }) {
  return `${db} ${keyEncoding} ${cut} ${key}`;
}

describe("sizes of keys by a scan", () => {
  let redis: TestServer;
  let server: ScanServer;
  let connection: TestConnection;

  before(async () => {
    redis = await startRedis(null, { args: ["--enable-debug-command", "yes"] });
    connection = await TestConnection.open(redis.port);
    // Expired keys stay until somebody looks at them.
    await connection.command(["DEBUG", "SET-ACTIVE-EXPIRE", 0]);
    server = await openScanServer(redis.port);
  });

  after(async () => {
    server.close();
    connection.close();
    await redis.stop();
  });

  async function make(all: readonly Item[]): Promise<void> {
    await connection.command(["FLUSHALL"]);
    for (const { db, name, type, size, isExpired } of all) {
      const key = Buffer.from(name);
      await connection.command(["SELECT", db]);
      await connection.command(["DEL", key]);
      const adder = ADDERS[type] ?? assert.fail(type);
      for (let n = 0; n < Math.min(size, type === "hash" ? 600 : 200); n++)
        await connection.command(adder(key, n));
      if (isExpired) await connection.command(["PEXPIRE", key, 1]);
    }
    const madeMs = performance.now();
    await waitFor("keys to expire", () => performance.now() - madeMs > 5, 30_000, 1);
  }

  async function truth(): Promise<Truth[]> {
    const all: Truth[] = [];
    for (const db of [0, 1, 7]) {
      await connection.command(["SELECT", db]);
      for (const key of (await connection.command(["KEYS", "*"])) as Buffer[]) {
        const type = String(await connection.command(["TYPE", key]));
        const bytes = type === "stream" ? null : Number(await connection.command(["MEMORY", "USAGE", key]));
        const length = Number(await connection.command([LENGTHS[type] ?? "", key]));
        all.push({ db, key, type, bytes, length });
      }
    }
    return all;
  }

  test("agrees with what the server says of each key: the largest, the longest, all types", async () => {
    await fc.assert(
      fc.asyncProperty(
        items,
        fc.constantFrom(0, 500, 10_000),
        fc.integer({ min: 1, max: 30 }),
        async (all, above, limit) => {
          await make(all);
          const { body, missing } = await scanBig(scanContext([server]), { above, limit });
          const known = await truth();
          assert.deepEqual(missing, []);
          const largest = known
            .flatMap(({ bytes }) => (bytes !== null && bytes > above ? [bytes] : []))
            .sort((a, b) => b - a);
          const longest = known
            .flatMap(({ bytes, length }) => (bytes === null ? [length] : []))
            .sort((a, b) => b - a);
          const measured = body.keys.filter(({ sizedBy }) => sizedBy === "memory");
          const sized = body.keys.filter(({ sizedBy }) => sizedBy === "length");
          assert.deepEqual(
            measured.map(({ bytes }) => bytes),
            largest.slice(0, limit),
          );
          assert.deepEqual(
            sized.map(({ length }) => length),
            longest.slice(0, limit),
          );
          assert.deepEqual(
            body.keys.map(({ rank }) => rank),
            body.keys.map((_, index) => index + 1),
          );
          const byId = new Map(known.map((one) => [idOf({ db: one.db, ...showKey(keep(one.key)) }), one]));
          for (const row of body.keys) {
            const one = byId.get(idOf(row)) ?? assert.fail(`${row.key} is not there`);
            assert.deepEqual([row.type, row.bytes], [one.type, one.bytes]);
            // A longer key is not kept whole, so nothing more can be asked of it.
            assert.equal(row.length, row.cut && row.bytes !== null ? null : one.length);
          }
          for (const { type, keys, totalBytes, largestBytes } of body.types) {
            const own = known.filter((one) => one.type === type);
            const sizes = own.flatMap(({ bytes }) => (bytes === null ? [] : [bytes]));
            assert.equal(keys, own.length, type);
            assert.equal(totalBytes, sum(sizes), type);
            assert.equal(largestBytes, sizes.length === 0 ? null : Math.max(...sizes), type);
          }
          assert.equal(sum(body.types.map(({ keys }) => keys)), known.length);
        },
      ),
      { numRuns: 12 },
    );
  });

  test("adds up by pattern to what the server says of each key, found or asked for", async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.boolean(), fc.integer({ min: 1, max: 8 }), async (all, isAsked, limit) => {
        await make(all);
        const patterns = isAsked ? ["user:1*", "user:*", "cart:[1-4]*"] : [];
        const { body, missing } = await scanMemory(scanContext([server]), { patterns, limit });
        const known = await truth();
        assert.deepEqual(missing, []);
        const nameOf = ({ key }: Truth) => (isAsked ? globOf(key.toString("latin1")) : patternOf(keep(key)));
        const groups = Map.groupBy(known, nameOf);
        let keysLeft = known.length;
        for (const row of body.patterns.filter(({ isRest }) => !isRest)) {
          const own = groups.get(row.pattern) ?? [];
          const sizes = own.flatMap(({ bytes }) => (bytes === null ? [] : [bytes]));
          keysLeft -= own.length;
          assert.deepEqual(
            [row.keys, row.measured, row.unmeasured, row.totalBytes, row.largestBytes],
            [
              own.length,
              sizes.length,
              own.length - sizes.length,
              sum(sizes),
              sizes.length === 0 ? null : Math.max(...sizes),
            ],
            row.pattern,
          );
          assert.deepEqual([row.lowerBytes, row.upperBytes, row.sampled], [sum(sizes), sum(sizes), false]);
        }
        const rest = body.patterns.find(({ isRest }) => isRest);
        assert.equal(rest?.keys ?? 0, keysLeft);
        assert.equal(body.totalKeys, known.length);
        assert.equal(body.totalBytes, sum(known.map(({ bytes }) => bytes ?? 0)));
        const totals = body.patterns.filter(({ isRest }) => !isRest).map(({ totalBytes }) => totalBytes);
        assert.deepEqual(
          totals,
          totals.toSorted((a, b) => b - a),
        );
      }),
      { numRuns: 12 },
    );
  });
});

/** The same as a reader of the globs of the test would do it. */
function globOf(key: string): string {
  if (/^user:1/s.test(key)) return "user:1*";
  if (/^user:/s.test(key)) return "user:*";
  return /^cart:[1-4]/s.test(key) ? "cart:[1-4]*" : "other";
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

describe("a scan of keys of which most go meanwhile", () => {
  const GOING = 60_000;
  const STAYING = 6000;

  test("counts none twice, though SCAN gives some twice", async (t) => {
    const redis = await startRedis(t);
    const server = await openScanServer(redis.port);
    t.after(() => server.close());
    using connection = await TestConnection.open(redis.port);
    let twice = 0;
    for (let round = 1; twice === 0; round++) {
      assert.ok(round < 100, "SCAN never gave a key twice: nothing was tried");
      const byScan = await scanShrinking(server, connection);
      twice = byScan.length - new Set(byScan).size;
    }
    assert.ok(twice > 0);
  });

  /** One scan. Returns the keys that SCAN gave. */
  async function scanShrinking(server: ScanServer, connection: TestConnection): Promise<string[]> {
    const fill = "for i = 1, ARGV[2] do redis.call('set', ARGV[1] .. i, 'v') end";
    await connection.command(["FLUSHALL"]);
    await connection.command(["EVAL", fill, 0, "going:", GOING]);
    await connection.command(["EVAL", fill, 0, "stays:", STAYING]);
    const byScan: string[] = [];
    const atPage = 100 + Math.floor(Math.random() * 200);
    const need = server.need;
    let pages = 0;
    server.need = async (right, lines, cost) => {
      const values = await need.call(server, right, lines, cost);
      if (right !== "scan") return values;
      byScan.push(...((values[0] as [unknown, Buffer[]])[1] ?? []).map(String));
      if (++pages === atPage) await shrink(connection);
      return values;
    };
    const { body } = await scanMemory(scanContext([server]), { patterns: ["stays:*", "going:*"], limit: 10 });
    server.need = need;
    const stays = body.patterns.find(({ pattern }) => pattern === "stays:*");
    assert.equal(stays?.keys, STAYING);
    assert.equal(body.totalKeys + body.goneKeys, new Set(byScan).size);
    return byScan;
  }

  async function shrink(connection: TestConnection): Promise<void> {
    const before = await tableBytes(connection);
    await connection.command([
      "EVAL",
      "for i = 1, ARGV[1] do redis.call('del', 'going:' .. i) end",
      0,
      GOING,
    ]);
    await waitFor("the table to shrink", async () => (await tableBytes(connection)) < before / 5);
  }

  /** Of the hash table of database 0. */
  async function tableBytes(connection: TestConnection): Promise<number> {
    const stats = (await connection.command(["MEMORY", "STATS"])) as unknown[];
    const ofDatabase = stats[stats.findIndex((name) => String(name) === "db.0") + 1] as unknown[];
    return Number(ofDatabase[1]);
  }
});
