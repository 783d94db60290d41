import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import { HashShards, ShardedCounter, ShardedSet } from "../../src/client/index.ts";
import { CLOCK, COUNTER, HASH, RaceProcess, SET } from "../support/race/race-process.ts";
import type { RaceReport } from "../support/race/race-report.ts";
import { command, freePort, startRedis, waitFor } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver } from "../support/remedy-clients.ts";

const PROCESSES = 8;
const DURATION_MS = 30_000;
const TTL_MS = 200;
const LATEST_MS = TTL_MS * 1.2;
/** Clocks are read in whole ms, at either end. */
const ROUNDING_MS = 1;
const TICK_MS = 20;

interface Place {
  readonly ports: readonly number[];
  readonly isCluster: boolean;
}

/** Starts the processes; the later ones bring more shards while the others go on with what they have. */
function startRace(t: TestContext, place: Place): RaceProcess[] {
  return Array.from({ length: PROCESSES }, (_, index) => {
    const shardCounts = index < 4 ? [4] : index < 6 ? [4, 16] : [4, 16, 64];
    const racer = new RaceProcess({ ...place, index, shardCounts, ttlMs: TTL_MS, durationMs: DURATION_MS });
    t.after(() => racer.kill());
    return racer;
  });
}

/** Writes 1, 2, 3, ... and notes when each was acknowledged; those that were not are not there. */
class ClockWriter {
  readonly acknowledgedMs = new Map<number, number>();
  #isOn = true;
  readonly #running: Promise<void>;

  constructor(redis: Redis | Cluster) {
    this.#running = this.#run(redis);
  }

  async end(): Promise<void> {
    this.#isOn = false;
    await this.#running;
  }

  async #run(redis: Redis | Cluster): Promise<void> {
    for (let number = 1; this.#isOn; number++) {
      await redis.set(CLOCK, number).then(
        () => this.acknowledgedMs.set(number, Date.now()),
        () => {},
      );
      await sleep(TICK_MS);
    }
  }

  /** How long after the next number's acknowledgement each number was still read, at most. */
  stalenessMs(lastReads: Readonly<Record<string, number>>): number {
    const acknowledged = [...this.acknowledgedMs].sort(([one], [other]) => one - other);
    const late = Object.entries(lastReads).map(([number, readMs]) => {
      const next = acknowledged.find(([later]) => later > Number(number));
      return next === undefined ? 0 : readMs - next[1];
    });
    return Math.max(...late);
  }
}

/** Every remedy kept its word. `redis` reads what is there in the end. */
async function check(
  t: TestContext,
  reports: readonly RaceReport[],
  clock: ClockWriter,
  redis: Redis | Cluster,
) {
  const sum = (part: (report: RaceReport) => number) =>
    reports.reduce((total, report) => total + part(report), 0);
  const total = Number(await new ShardedCounter(redis, COUNTER, { shards: 1 }).total());
  const acknowledged = sum(({ counter }) => counter.acknowledged);
  const least = acknowledged + sum(({ counter }) => counter.failedDown);
  const most = acknowledged + sum(({ counter }) => counter.failedUp);
  assert.ok(least <= total && total <= most, `the counter: ${total} is not from ${least} to ${most}`);

  const members = new Set(await new ShardedSet(redis, SET, { shards: 1 }).members());
  const hash = new HashShards(redis, HASH, { shards: 1 });
  const wanted = new Set<string>();
  for (const report of reports) {
    for (const [member, fate] of Object.entries(report.members)) {
      const found = members.has(member) ? "" : null;
      assert.ok(fate.includes(found), `member ${member}: ${found} is none of ${fate}`);
      wanted.add(member);
    }
    for (const [field, fate] of Object.entries(report.fields)) {
      const found = await hash.get(field);
      assert.ok(fate.includes(found), `field ${field}: ${found} is none of ${fate}`);
    }
  }
  assert.deepEqual(
    [...members].filter((member) => !wanted.has(member)),
    [],
  );

  for (const [index, { lastReads, stepsBack }] of reports.entries()) {
    assert.deepEqual(stepsBack, [], `process ${index} saw the replicated value go back`);
    for (const [cache, reads] of Object.entries(lastReads)) {
      const stalenessMs = clock.stalenessMs(reads);
      const isFresh = stalenessMs <= LATEST_MS + ROUNDING_MS;
      assert.ok(
        isFresh,
        `process ${index}, cache ${cache}: read ${stalenessMs} ms after it was written over`,
      );
      assert.ok(Object.keys(reads).length > 10, `process ${index}, cache ${cache} has read`);
    }
  }

  const computing = reports.flatMap((report) => report.computing).sort(([one], [other]) => one - other);
  const overlapping = computing.filter(([fromMs], i) => i > 0 && fromMs < computing[i - 1]![1] - ROUNDING_MS);
  assert.deepEqual(overlapping, [], "two processes computed the same value at the same time");
  assert.ok(computing.length > 5);
  t.diagnostic(
    `${sum(({ calls }) => calls)} calls, ${sum(({ failed }) => failed)} failed, total ${total}, ` +
      `${members.size} members, ${computing.length} times computed`,
  );
}

test("8 processes for 30 s, and the server is killed and started again in the middle", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-race-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
  const port = await freePort();
  const server = await startRedis(t, { args, port });
  const redis = ioredisAt(t, port, { maxRetriesPerRequest: 0, retryStrategy: () => 20 });
  const clock = new ClockWriter(redis);
  const racers = startRace(t, { ports: [port], isCluster: false });
  await sleep(DURATION_MS / 3);
  await server.stop();
  await Promise.all(racers.map((racer) => racer.hasFailed));
  await startRedis(t, { args, port });
  const reports = await Promise.all(racers.map((racer) => racer.report));
  await Promise.all(racers.map((racer) => racer.exit()));
  await clock.end();
  for (const { failed, calls } of reports)
    assert.ok(failed > 0 && calls > 2 * failed, `${failed} of ${calls} failed`);
  await check(t, reports, clock, redis);
});

test("8 processes for 30 s, and the nodes of a cluster hand over in the middle", async (t) => {
  const servers = await startRedisCluster(t);
  const redis = ioredisOver(t, servers, { retryDelayOnFailover: 0 });
  const clock = new ClockWriter(redis);
  const ports = servers.nodes.map(({ port }) => port);
  const racers = startRace(t, { ports, isCluster: true });
  await sleep(DURATION_MS / 3);
  for (const replica of servers.replicas) {
    await command(replica.port, ["CLUSTER", "FAILOVER"]);
    await waitFor("the replica to be the primary", async () =>
      String(await command(replica.port, ["ROLE"])).includes("master"),
    );
  }
  const reports = await Promise.all(racers.map((racer) => racer.report));
  await Promise.all(racers.map((racer) => racer.exit()));
  await clock.end();
  await check(t, reports, clock, redis);
});
