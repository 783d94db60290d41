import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { unaccounted } from "../../src/runtime/accounting.ts";
import { command, ReplyError, startRedis, TestConnection, waitFor } from "../support/redis.ts";
import { type WatchedTarget, watchTarget } from "../support/watch.ts";

interface Scenario {
  readonly name: string;
  readonly setup: readonly string[];
  readonly commands: readonly string[];
  readonly blocked?: string;
  readonly thenWaitMs?: number;
  readonly keys: readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[];
  readonly events: readonly {
    readonly servers: readonly string[];
    readonly count?: Readonly<Record<string, string>>;
  }[];
}

const fixture = new URL("../fixtures/keyspace-scenarios.json", import.meta.url);
const { scenarios } = JSON.parse(readFileSync(fixture, "utf8")) as { scenarios: Scenario[] };
const here = scenarios.flatMap((scenario) => {
  const recorded = scenario.events.find(({ servers }) => servers.includes("redis-7.0.15"));
  return recorded ? [{ ...scenario, count: recorded.count ?? {} }] : [];
});

/** Scenarios in words: `EVAL` has a script with spaces in it, `(dump)` stands for a DUMP's bytes. */
function wordsOf(text: string, dump: Buffer, peerPort: number): (string | Buffer)[] {
  const script = /^EVAL (.*) (\d+) (\S+)$/.exec(text);
  if (script) return ["EVAL", script[1] ?? "", script[2] ?? "", script[3] ?? ""];
  return text.split(" ").map((word) => {
    if (word === "(dump)") return dump;
    return word === "@PEER@" ? String(peerPort) : word;
  });
}

/** Truth: a command touches each of its keys once; what a script runs are commands like any other. */
function touches({ commands, keys }: Scenario): Map<string, number> {
  const scripted = commands.flatMap((text) => Array.from(text.matchAll(/redis\.call\(/g))).length;
  const touched = new Map<string, number>();
  for (const [name, touchedKeys] of keys) {
    const count = name === "EVAL" ? scripted : 1;
    for (const key of new Set(touchedKeys.map(([key]) => key)))
      touched.set(key, (touched.get(key) ?? 0) + count);
    if (name === "MOVE") touched.set("k@1", 1);
  }
  return touched;
}

const LANES = 16;
/** The server's counters are taken from up to so long before a pane: commands of the set-up would count in. */
const APART_MS = 900;
const PLAYS_MAX = 5;

test("every recorded scenario, replayed on the real server, stays within its bounds, which meet where they can", async (t) => {
  const peer = await startRedis(t);
  const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(t, peer.port)));
  const checked = await Promise.all(
    lanes.map(async (lane, index) => {
      let keys = 0;
      for (let next = index; next < here.length; next += LANES)
        keys += await check(here[next] ?? assert.fail(), lane);
      return keys;
    }),
  );
  const keys = checked.reduce((sum, count) => sum + count, 0);
  assert.ok(keys > 100, `${keys} keys checked`);
  t.diagnostic(`${here.length} scenarios, ${keys} keys whose access has an event`);
  for (const { watched } of lanes) assert.equal(unaccounted(watched.watch.books()), 0);
});

interface Lane {
  readonly port: number;
  readonly peerPort: number;
  readonly dump: Buffer;
  readonly watched: WatchedTarget;
}

async function openLane(t: TestContext, peerPort: number): Promise<Lane> {
  const server = await startRedis(t, { args: ["--enable-debug-command", "yes"] });
  const watched = watchTarget(t, server.url, { paneLength: "200ms" });
  // All lanes start at the same time.
  await watched.up(30_000);
  return { port: server.port, peerPort, dump: await makeDump(server.port), watched };
}

/** Returns how many keys had an access with an event. */
async function check(scenario: (typeof here)[number], lane: Lane): Promise<number> {
  let areCountersTold = false;
  // A pane whose server did not tell its counters in time has wider bounds: then it is played again.
  for (let plays = 0; plays < PLAYS_MAX && !areCountersTold; plays++) {
    areCountersTold = await replay(scenario, lane);
  }
  let checked = 0;
  for (const [key, exact] of touches(scenario)) {
    const [name = key, db = "0"] = key.split("@");
    const { lower, upper } = lane.watched.bounds(name, Number(db));
    const where = `${scenario.name}: ${key}: [${lower}, ${upper}], true ${exact}`;
    assert.ok(lower <= exact, where);
    if (scenario.count[key] === undefined) continue;
    assert.ok(upper >= 1, where);
    if (exact === 1) assert.equal(lower, upper, where);
    checked++;
  }
  return checked;
}

async function makeDump(port: number): Promise<Buffer> {
  await command(port, ["SET", "dumped", "v"]);
  const dump = await command(port, ["DUMP", "dumped"]);
  assert.ok(Buffer.isBuffer(dump));
  return dump;
}

/** Returns whether the server told its counters for each pane. */
async function replay({ setup, commands, blocked, thenWaitMs = 0 }: Scenario, lane: Lane): Promise<boolean> {
  const { port, peerPort, dump, watched } = lane;
  using connection = await TestConnection.open(port);
  const run = async (text: string) => {
    try {
      await connection.command(wordsOf(text, dump, peerPort));
    } catch (error) {
      // A scenario may be about a refused command.
      if (!(error instanceof ReplyError)) throw error;
    }
  };
  watched.reports.length = 0;
  await run("FLUSHALL");
  for (const text of setup) await run(text);
  await watched.settle(APART_MS);
  watched.parts.length = 0;
  using waiting = await TestConnection.open(port);
  const unblocked = blocked ? waiting.command(wordsOf(blocked, dump, peerPort)) : null;
  if (blocked) await waitFor("the blocked client", () => hasBlockedClient(port));
  for (const text of commands) await run(text);
  await unblocked;
  await watched.settle(thenWaitMs);
  const areCountersTold = watched.reports.every(({ reachable }) => reachable);
  for (const text of ["CONFIG SET maxmemory 0", "DEBUG SET-ACTIVE-EXPIRE 1"]) await run(text);
  return areCountersTold;
}

async function hasBlockedClient(port: number): Promise<boolean> {
  return /blocked_clients:1/.test(String(await command(port, ["INFO", "clients"])));
}
