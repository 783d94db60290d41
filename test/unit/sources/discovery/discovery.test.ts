import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { plainServer } from "../../../../src/redis/topology.ts";
import { aloneAt, clusterOf, PLAIN, placeOf, World } from "./world.ts";

const [A, B, C, D] = ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379", "10.0.0.4:6379"] as const;

describe("discovery of a Redis Cluster", () => {
  it("finds all nodes from one, tells them every 2 s, and asks one of them once a time", async () => {
    const world = new World();
    world.cluster([A, B, C]);
    const discovery = world.discover([`redis://${A}`]);
    assert.equal(discovery.isSettled, false);
    await world.pass(1000);
    assert.equal(discovery.isSettled, true);
    assert.deepEqual(world.watched, [A, B, C]);
    assert.deepEqual(world.told, [A, B, C]);
    assert.equal(world.reports[0]?.slotsCovered, 16_384);
    await world.pass(20_000);
    assert.equal(world.reports.length, 11);
    assert.deepEqual([world.at(A).asks, world.at(B).asks, world.at(C).asks], [11, 0, 0]);
    discovery.stop();
    await world.pass(20_000);
    assert.equal(world.reports.length, 11);
  });

  it("waits for seeds that are being connected, but not for ever", async () => {
    const world = new World();
    world.cluster([A, B]);
    world.at(B).current = "connecting";
    world.discover([`redis://${A}`, `redis://${B}`]);
    await world.pass(2000);
    assert.deepEqual(world.reports, []);
    await world.pass(3000);
    assert.deepEqual(world.told, [A, B]);
  });

  it("looks at once when there is news, and not at each of many", async () => {
    const world = new World();
    world.cluster([A, B]);
    const discovery = world.discover([`redis://${A}`]);
    await world.pass(1000);
    for (let i = 0; i < 100; i++) discovery.noteNews("default");
    await world.pass(300);
    assert.equal(world.reports.length, 2);
  });

  it("gives what it finds the credentials and the TLS settings of the seed", async () => {
    const world = new World();
    world.cluster([A, B]);
    world.discover([], "all", {
      targets: [
        { url: `rediss://keyheat:p%40ss@${A}`, cluster: "shop", tls: { servername: "redis.example" } },
      ],
    });
    await world.pass(1000);
    const found = world.wanted("shop").find(({ target }) => target.address === B)?.target;
    assert.deepEqual(found, {
      url: `rediss://keyheat:p%40ss@${B}`,
      endpoint: placeOf(B),
      address: B,
      cluster: "shop",
      username: "keyheat",
      password: "p@ss",
      tls: { servername: "redis.example" },
    });
  });

  it("asks others where the seed was reset, and has the seed no more among the members", async () => {
    const world = new World();
    world.cluster([A, B, C]);
    world.discover([`redis://${A}`]);
    await world.pass(1000);
    for (const address of [B, C]) world.at(address).sees = clusterOf([B, C]);
    world.at(A).sees = aloneAt(A);
    await world.pass(2000);
    assert.deepEqual(world.told, [B, C]);
    assert.equal(world.reports.at(-1)?.slotsCovered, 16_384);
    // The config still wants it to be watched.
    assert.deepEqual(world.watched, [A, B, C]);
  });

  it("of views that cover as much takes the one with the highest epoch, then the one with the most nodes", async () => {
    const world = new World();
    world.cluster([A, B, C]);
    world.at(A).sees = clusterOf([A, B], { hasFailing: true });
    world.at(B).sees = clusterOf([A, B, C, D], { epoch: 2, hasFailing: true });
    world.at(C).sees = clusterOf([A, B, C], { epoch: 2, hasFailing: true });
    world.discover([A, B, C].map((address) => `redis://${address}`));
    await world.pass(1000);
    assert.deepEqual(world.told, [A, B, C, D]);
  });

  it("keeps what was known while nobody answers, does not tell it as news, and goes on", async () => {
    const world = new World();
    world.cluster([A, B, C]);
    world.discover([`redis://${A}`]);
    await world.pass(1000);
    for (const address of [A, B, C]) world.at(address).current = "down";
    await world.pass(60_000);
    assert.equal(world.reports.length, 1);
    assert.deepEqual(world.watched, [A, B, C]);
    world.cluster([A, B, C, D]);
    world.at(C).current = "up";
    await world.pass(2000);
    assert.deepEqual(world.told, [A, B, C, D]);
  });

  it("does not believe a single reset node that the others are gone, but does believe half of them", async () => {
    const world = new World();
    world.cluster([A, B, C, D]);
    world.discover([`redis://${A}`]);
    await world.pass(1000);
    for (const address of [B, C, D]) world.at(address).current = "down";
    world.at(A).sees = aloneAt(A);
    await world.pass(60_000);
    assert.equal(world.reports.length, 1);
    assert.deepEqual(world.watched, [A, B, C, D]);
    for (const address of [A, B]) {
      world.at(address).current = "up";
      world.at(address).sees = clusterOf([A, B], { slotsCovered: 8192 });
    }
    await world.pass(8000);
    assert.deepEqual(world.told, [A, B]);
    assert.equal(world.reports.at(-1)?.slotsCovered, 8192);
  });

  it("lets servers whose slots have moved ask for them again, and no others", async () => {
    const world = new World();
    world.cluster([A, B]);
    world.discover([`redis://${A}`]);
    await world.pass(3000);
    assert.deepEqual([world.at(A).renewals, world.at(B).renewals], [0, 0]);
    const view = clusterOf([A, B]);
    world.at(A).sees = {
      ...view,
      servers: view.servers.map((one) => ({ ...one, slots: [[0, 99]] as const })),
    };
    world.at(A).poll = { ...world.at(A).poll, slots: [[0, 99]] };
    await world.pass(2000);
    assert.deepEqual([world.at(A).renewals, world.at(B).renewals], [0, 1]);
  });

  it("asks nodes that are not watched while the listed ones do not answer, three at most", async () => {
    const world = new World();
    const all = [A, B, C, D, "10.0.0.5:6379"];
    world.cluster(all);
    world.discover([`redis://${A}`], "listed");
    await world.pass(1000);
    assert.deepEqual(world.watched, [A]);
    assert.deepEqual(world.asked, []);
    assert.deepEqual(world.told, all);
    world.at(A).current = "down";
    world.at(B).current = "down";
    await world.pass(6000);
    assert.equal(world.asked.length, 3);
    const before = world.reports.length;
    await world.pass(10_000);
    assert.equal(world.reports.length, before + 5);
    // One that does not answer has given its place to another.
    assert.ok(world.wanted().every(({ target }) => target.address !== B));
    world.at(A).current = "up";
    await world.pass(2000);
    assert.deepEqual(world.asked, []);
  });
});

describe("the names of servers that are found", () => {
  it("are the listed ones: by node id, by resolved address, by the address of the connection", async () => {
    const world = new World();
    world.cluster([A, B, C]);
    world.names.set("cache-b", ["10.0.0.2"]);
    const byId = world.at("cache-a:7000");
    Object.assign(byId, { poll: world.at(A).poll, sees: world.at(A).sees, peer: "172.17.0.1:7000" });
    world.at("cache-b:6379").current = "down";
    const byPeer = world.at("cache-c:6379");
    Object.assign(byPeer, { poll: { ...world.at(C).poll, nodeId: null }, sees: world.at(C).sees, peer: C });
    world.discover(["redis://cache-a:7000", "redis://cache-b", "redis://cache-c"]);
    await world.pass(3000);
    assert.deepEqual(world.told, ["cache-a:7000", "cache-b:6379", "cache-c:6379"]);
    assert.deepEqual(world.watched, ["cache-a:7000", "cache-b:6379", "cache-c:6379"]);
  });

  it("are not those of a listed name that stands for several servers", async () => {
    const world = new World();
    world.cluster([A, B]);
    world.names.set("redis.svc", ["10.0.0.1", "10.0.0.2"]);
    Object.assign(world.at("redis.svc:6379"), { poll: world.at(A).poll, sees: world.at(A).sees, peer: A });
    world.discover(["redis://redis.svc"]);
    await world.pass(3000);
    assert.deepEqual(world.told, [B, "redis.svc:6379"]);
  });

  it("are the names of the watched where a connection shows the same process", async () => {
    const world = new World();
    world.at(A).poll = { ...PLAIN, role: "primary", primary: null, replicas: [placeOf(B), placeOf(C)] };
    world.doubles.set(C, B);
    world.discover([`redis://${A}`]);
    await world.pass(5000);
    assert.deepEqual(world.told, [A, B]);
  });
});

describe("what an agent watches of what is found", () => {
  it("is with `local` what has an address of its host, by number or by name", async () => {
    const world = new World();
    world.ownAddresses = ["10.0.0.2", "fd00::3"];
    world.names.set("here", ["fd00::3"]);
    world.names.set("there", ["10.9.9.9"]);
    world.cluster([A, B, "here:6379", "there:6379", "lost:6379"]);
    const discovery = world.discover([`redis://${A}`], "local");
    await world.pass(5000);
    assert.deepEqual(world.watched, [B, "here:6379"]);
    assert.deepEqual(world.asked, [A]);
    assert.equal(world.told?.length, 5);
    assert.deepEqual(discovery.problems(), []);
  });

  it("is a listed server too only where it is local; a socket always is", async () => {
    const world = new World();
    world.names.set("localhost", ["127.0.0.1", "::1"]);
    world.discover(["unix:///run/redis.sock", "redis://localhost:7000", "redis://10.0.0.9"], "local");
    await world.pass(5000);
    assert.deepEqual(world.watched, ["localhost:7000", "unix:///run/redis.sock"]);
  });

  it("is nothing where nothing is local, and that is said", async () => {
    const world = new World();
    world.cluster([A, B]);
    const discovery = world.discover([`redis://${A}`], "local");
    await world.pass(1000);
    assert.deepEqual(discovery.problems(), [
      `no server of cluster default has an address of this host: set discovery.observe: all, or run the agent on the host of one of ${A}, ${B}`,
    ]);
  });
});

describe("discovery of a primary and its replicas", () => {
  const withReplicas = (...replicas: string[]) =>
    ({ ...PLAIN, role: "primary", primary: null, replicas: replicas.map(placeOf) }) as const;
  const replicaOf = (primary: string) => ({ ...PLAIN, role: "replica", primary: placeOf(primary) }) as const;

  it("goes from a replica to its primary and that one's replicas", async () => {
    for (const observe of ["all", "listed"] as const) {
      const world = new World();
      world.at(A).poll = withReplicas(B, C);
      world.at(B).poll = replicaOf(A);
      world.at(C).poll = replicaOf(A);
      world.discover([`redis://${B}`], observe);
      await world.pass(5000);
      assert.deepEqual(world.told, [A, B, C]);
      assert.deepEqual(world.watched, observe === "all" ? [A, B, C] : [B]);
      assert.deepEqual(world.asked, observe === "all" ? [] : [A]);
    }
  });

  it("keeps the replicas of a primary that is away, and lets go of those that it names no more", async () => {
    const world = new World();
    world.at(A).poll = withReplicas(B, C);
    world.at(B).poll = replicaOf(A);
    world.at(C).poll = replicaOf(A);
    world.discover([`redis://${A}`]);
    await world.pass(5000);
    world.at(A).current = "down";
    await world.pass(5000);
    assert.deepEqual(world.watched, [A, B, C]);
    world.at(A).current = "up";
    world.at(A).poll = withReplicas(B);
    await world.pass(2000);
    assert.deepEqual(world.watched, [A, B]);
    assert.deepEqual(world.told, [A, B]);
  });

  it("tells the union of a name's servers, once each seed has answered or been waited for", async () => {
    const world = new World();
    world.at(A).poll = withReplicas(C);
    world.at(B).current = "connecting";
    world.discover([`redis://${A}`, `redis://${B}`]);
    await world.pass(50_000);
    assert.deepEqual(world.watched, [A, B, C]);
    assert.deepEqual(world.reports, []);
    await world.pass(12_000);
    assert.deepEqual(world.told, [A, B, C]);
  });
});

describe("discovery through Sentinels", () => {
  const S = "10.0.1.1:26379";
  const T = "10.0.1.2:26379";
  const sees = (primary: string, replica: string, epoch: number) => {
    const servers = [
      plainServer(placeOf(primary).host, placeOf(primary).port, "primary"),
      plainServer(placeOf(replica).host, placeOf(replica).port, "replica"),
    ];
    return { kind: "sentinel", groups: [{ name: "shop", epoch, servers }] } as const;
  };
  const SENTINEL = { ...PLAIN, isSentinel: true, role: "unknown", primary: null } as const;

  it("believes the one that knows the last failover, and watches no Sentinel, not even one that is away", async () => {
    const world = new World();
    for (const address of [S, T]) world.at(address).poll = SENTINEL;
    world.at(S).sees = sees(A, B, 1);
    world.at(T).sees = sees(C, B, 2);
    world.at("10.0.1.3:26379").current = "connecting";
    world.discover([S, T, "10.0.1.3:26379"].map((address) => `redis://${address}`));
    await world.pass(5000);
    assert.deepEqual(world.watched, [B, C]);
    assert.deepEqual(world.told, [B, C]);
    world.at(S).current = "down";
    world.at(T).current = "down";
    const before = world.reports.length;
    await world.pass(10_000);
    assert.equal(world.reports.length, before);
    assert.deepEqual(world.watched, [B, C]);
  });

  it("says so where one names nothing", async () => {
    const world = new World();
    world.at(S).poll = SENTINEL;
    world.at(S).sees = { kind: "sentinel", groups: [] };
    const discovery = world.discover([`redis://${S}`]);
    await world.pass(1000);
    assert.deepEqual(discovery.problems(), [`${S}: the Sentinel names no primary that it watches`]);
  });
});
