import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KeyHolder, walkKeys } from "../../src/scans/key-walk.ts";
import type { ScanServer } from "../../src/scans/scan-server.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { openScanServer } from "../support/scan-context.ts";

async function fill(port: number, db: number, count: number, prefix = "key:"): Promise<void> {
  const script = "redis.call('select', ARGV[3]) for i = 1, ARGV[1] do redis.call('set', ARGV[2] .. i, i) end";
  await command(port, ["EVAL", script, 0, count, prefix, db]);
}

describe("a walk over the keys of a server", () => {
  let redis: TestServer;
  let server: ScanServer;
  const signal = new AbortController().signal;

  before(async () => {
    redis = await startRedis(null);
    server = await openScanServer(redis.port);
  });

  after(async () => {
    server.close();
    await redis.stop();
  });

  test("gives every key of every database once", async () => {
    await command(redis.port, ["FLUSHALL"]);
    await fill(redis.port, 0, 1000);
    await fill(redis.port, 3, 500);
    const binary = Buffer.from([0, 0xff, 0x0a, 0x0d]);
    await command(redis.port, ["SET", binary, "v"]);
    const seen: string[] = [];
    for await (const { db, keys } of walkKeys(server, { signal })) {
      for (const key of keys) seen.push(`${db} ${key.toString("latin1")}`);
    }
    const wanted = [
      ...Array.from({ length: 1000 }, (_, n) => `0 key:${n + 1}`),
      ...Array.from({ length: 500 }, (_, n) => `3 key:${n + 1}`),
      `0 ${binary.toString("latin1")}`,
    ];
    assert.deepEqual(seen.sort(), wanted.sort());
  });

  test("keeps to one database, and to the keys that match", async () => {
    await command(redis.port, ["FLUSHALL"]);
    await fill(redis.port, 0, 100);
    await fill(redis.port, 3, 100, "user:");
    await fill(redis.port, 3, 50, "other:");
    let count = 0;
    let passed = 0;
    for await (const page of walkKeys(server, { signal, db: 3, match: "user:*" })) {
      assert.equal(page.db, 3);
      count += page.keys.length;
      passed += page.passed;
    }
    assert.equal(count, 100);
    assert.equal(passed, 150, "all that were gone over, and no more than there are");
  });

  test("says which database the server has not", async () => {
    const walk = walkKeys(server, { signal, db: 99 });
    await assert.rejects(walk.next(), { message: "it has no database 99" });
  });

  test("gives no key twice where SCAN does, since the server's table shrinks under it", async () => {
    let twiceByScan = 0;
    for (let round = 1; twiceByScan === 0; round++) {
      assert.ok(round < 100, "SCAN never gave a key twice: nothing was tried");
      const { byScan, byWalk } = await walkOverShrinking(redis.port, server);
      twiceByScan += byScan.length - new Set(byScan).size;
      assert.equal(byWalk.length, new Set(byWalk).size, "the walk gave a key twice");
      assert.equal(new Set(byWalk.filter((key) => key.startsWith("stays:"))).size, STAYING);
    }
  });

  test("ends when it is told to, with what it has", async () => {
    await command(redis.port, ["FLUSHALL"]);
    await fill(redis.port, 0, 5000);
    const stop = new AbortController();
    let count = 0;
    for await (const { keys } of walkKeys(server, { signal: stop.signal })) {
      count += keys.length;
      if (count > 1000) stop.abort();
    }
    assert.ok(count > 1000 && count < 1500, `${count} keys`);
  });
});

/** The table shrinks where less than a tenth of it is used. */
const GOING = 60_000;
const STAYING = 6000;
const PAGES_BEFORE = 50;

/** Walks over keys of which most go after some pages. Returns all keys that SCAN gave, and those that the walk gave. */
async function walkOverShrinking(port: number, server: ScanServer) {
  await command(port, ["FLUSHALL"]);
  await fill(port, 0, GOING, "gone:");
  await fill(port, 0, STAYING, "stays:");
  const sizeBefore = await tableBytes(port);
  const byScan: string[] = [];
  const byWalk: string[] = [];
  const lastPage = PAGES_BEFORE + Math.floor(Math.random() * PAGES_BEFORE);
  let pages = 0;
  for await (const { keys } of walkKeys(heard(server, byScan), { signal: new AbortController().signal })) {
    byWalk.push(...keys.map((key) => key.toString()));
    pages++;
    if (pages !== lastPage) continue;
    await command(port, ["EVAL", "for i = 1, ARGV[1] do redis.call('del', 'gone:' .. i) end", 0, GOING]);
    await waitFor("the table to shrink", async () => (await tableBytes(port)) < sizeBefore / 5);
  }
  return { byScan, byWalk };
}

/** The same server; keys of its answers to SCAN are added to `keys`. */
function heard(server: ScanServer, keys: string[]): KeyHolder {
  return {
    select: (db) => server.select(db),
    need: async (right, lines, cost) => {
      const values = await server.need(right, lines, cost);
      if (right === "scan") keys.push(...((values[0] as unknown[])[1] as Buffer[]).map(String));
      return values;
    },
  };
}

/** Bytes of the hash table of database 0. */
async function tableBytes(port: number): Promise<number> {
  const stats = (await command(port, ["MEMORY", "STATS"])) as unknown[];
  const ofDatabase = stats[stats.findIndex((name) => String(name) === "db.0") + 1] as unknown[];
  return Number(ofDatabase[1]);
}

test("a walk goes on where it was when the connection is cut", async (t) => {
  const redis = await startRedis(t);
  await fill(redis.port, 2, 3000);
  const server = await openScanServer(redis.port);
  t.after(() => server.close());
  const seen = new Set<string>();
  let pages = 0;
  for await (const { db, keys } of walkKeys(server, { signal: new AbortController().signal })) {
    assert.equal(db, 2);
    for (const key of keys) seen.add(key.toString());
    pages++;
    if (pages === 5) await command(redis.port, ["CLIENT", "KILL", "TYPE", "normal"]);
  }
  assert.equal(seen.size, 3000);
});
