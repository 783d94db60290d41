import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { ReplicatedValue } from "../../src/client/remedies/replicated-value.ts";
import { SlotSpread } from "../../src/client/remedies/slot-spread.ts";
import { command, waitFor } from "../support/redis.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisOver } from "../support/remedy-clients.ts";

const KEY = "failover";

interface Value {
  set(value: string): Promise<void>;
  get(): Promise<string | null>;
}

/** Writes 1, 2, 3, ... and reads, by several processes' clients, until it is stopped. */
class Traffic {
  /** The last number whose write was confirmed. */
  confirmed = 0;
  failedWrites = 0;
  failedReads = 0;
  readonly steps: string[] = [];
  #isRunning = true;
  readonly #running: Promise<unknown>;

  constructor(writer: Value, readers: readonly Value[]) {
    this.#running = Promise.all([this.#write(writer), ...readers.map((reader) => this.#read(reader))]);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#running;
  }

  /** Resolves when writes get through again. */
  async goesOn(): Promise<void> {
    const before = this.confirmed;
    await waitFor("writes to be confirmed", () => this.confirmed > before + 20, 60_000);
  }

  async #write(writer: Value): Promise<void> {
    for (let n = 1; this.#isRunning; n++) {
      await writer.set(String(n)).then(
        () => {
          this.confirmed = n;
        },
        () => {
          this.failedWrites++;
        },
      );
      await sleep(1);
    }
  }

  async #read(reader: Value): Promise<void> {
    let last = -1;
    while (this.#isRunning) {
      try {
        const read = await reader.get();
        const number = Number(read);
        if (number < last || (read === null && last >= 0)) this.steps.push(`${last} -> ${read}`);
        if (read !== null) last = number;
      } catch {
        this.failedReads++;
      }
      await sleep(1);
    }
  }
}

async function cluster(t: TestContext): Promise<TestCluster> {
  const servers = await startRedisCluster(t);
  // The dead are found within seconds.
  for (const { port } of servers.nodes) await command(port, ["CONFIG", "SET", "cluster-node-timeout", 2000]);
  return servers;
}

const client = (t: TestContext, servers: TestCluster) =>
  ioredisOver(t, servers, { slotsRefreshTimeout: 5000, maxRedirections: 5 });

const isPrimary = async ({ port }: ClusterNode) => {
  const [role] = (await command(port, ["ROLE"])) as [Buffer];
  return String(role) === "master";
};

/** The first copy's node hands over to its replica, then the one that took over is killed, and its old primary takes over. */
async function failOver(servers: TestCluster, traffic: Traffic, home: ClusterNode): Promise<void> {
  const replica = servers.replicas[servers.primaries.indexOf(home)]!;
  await traffic.goesOn();
  await command(replica.port, ["CLUSTER", "FAILOVER"]);
  await waitFor("the replica to take over", () => isPrimary(replica));
  await waitFor("the old primary to follow", async () =>
    String(await command(home.port, ["INFO", "replication"])).includes("master_link_status:up"),
  );
  await traffic.goesOn();
  replica.server.process.kill("SIGKILL");
  await waitFor("the other to take over", () => isPrimary(home), 60_000);
  await traffic.goesOn();
}

test("ReplicatedValue: through failovers no process goes back, errors come through, and it goes on", async (t) => {
  const servers = await cluster(t);
  const [home] = partNames(KEY, "copy", 4, { isCluster: true, keyPrefix: Buffer.alloc(0) });
  const make = () => new ReplicatedValue(client(t, servers), KEY);
  const traffic = new Traffic(make(), [make(), make(), make()]);
  await failOver(servers, traffic, servers.primaryOf(home!));
  await traffic.stop();
  assert.deepEqual(traffic.steps, []);
  t.diagnostic(
    `${traffic.confirmed} confirmed, ${traffic.failedWrites} writes and ${traffic.failedReads} reads failed`,
  );
  await make().set("last");
  for (let i = 0; i < 20; i++) assert.equal(await make().get(), "last");
});

test("SlotSpread: through failovers errors come through, it goes on, and all read what was confirmed", async (t) => {
  const servers = await cluster(t);
  const make = () => {
    const spread = new SlotSpread(client(t, servers));
    return { set: (value: string) => spread.set(KEY, value), get: () => spread.get(KEY) };
  };
  const writer = make();
  const traffic = new Traffic(writer, [make(), make()]);
  await failOver(servers, traffic, servers.primaryOf(KEY));
  await traffic.stop();
  t.diagnostic(
    `${traffic.confirmed} confirmed, ${traffic.failedWrites} writes and ${traffic.failedReads} reads failed, ${traffic.steps.length} steps back`,
  );
  await writer.set("last");
  const readers = Array.from({ length: 5 }, make);
  for (const reader of readers) for (let i = 0; i < 10; i++) assert.equal(await reader.get(), "last");
});
