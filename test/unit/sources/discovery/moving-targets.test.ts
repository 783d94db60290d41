import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultConfig } from "../../../../src/config/load.ts";
import type { TargetConfig } from "../../../../src/config/schema.ts";
import { plainServer } from "../../../../src/redis/topology.ts";
import type { MovingTargets } from "../../../../src/sources/discovery/discovery.ts";
import { PLAIN, placeOf, World } from "./world.ts";

const [A, B, C, D] = ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379", "10.0.0.4:6379"] as const;

/** Pods that come and go as a test wants it. */
class Pods implements MovingTargets {
  isKnown = false;
  targets: readonly TargetConfig[] = [];
  ownAddresses: readonly string[] = [];
  #onChange: () => void = () => {};

  start(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** They are these from now on, all on the own node; those that stay are the same objects. */
  become(addresses: readonly string[], cluster = "default"): void {
    const before = new Map(this.targets.map((target) => [target.address, target]));
    const { targets } = defaultConfig({
      cluster,
      targets: addresses.map((one) => ({ url: `redis://${one}` })),
    });
    this.targets = targets.map((target) => before.get(target.address) ?? target);
    this.ownAddresses = addresses.map((address) => address.replace(/:\d+$/, ""));
    this.isKnown = true;
    this.#onChange();
  }

  problems(): string[] {
    return [];
  }

  notes(): string[] {
    return [];
  }

  async stop(): Promise<void> {}
}

describe("targets that come and go", () => {
  it("are watched with `local`, and told, while they are there", async () => {
    const world = new World();
    const pods = new Pods();
    const discovery = world.discover([], "local", {}, pods);
    await world.pass(1000);
    assert.deepEqual([discovery.isSettled, discovery.hasNothing, world.reports.length], [false, false, 0]);
    pods.become([A, B]);
    await world.pass(1000);
    assert.deepEqual(world.watched, [A, B]);
    assert.deepEqual(world.told, [A, B]);
    assert.equal(discovery.isSettled, true);
    pods.become([B, C]);
    await world.pass(1000);
    assert.deepEqual(world.watched, [B, C]);
    assert.deepEqual(world.told, [B, C]);
    assert.deepEqual(discovery.problems(), []);
  });

  it("are told to be none when the last is gone, for ten minutes; then nothing is told any more", async () => {
    const world = new World();
    const pods = new Pods();
    const discovery = world.discover([], "local", {}, pods);
    pods.become([A]);
    await world.pass(1000);
    pods.become([]);
    await world.pass(1000);
    assert.deepEqual([world.watched, world.told, discovery.hasNothing], [[], [], true]);
    await world.pass(590_000);
    const told = world.reports.length;
    await world.pass(2000);
    assert.equal(world.reports.length, told + 1);
    await world.pass(30_000);
    const last = world.reports.length;
    await world.pass(60_000);
    assert.equal(world.reports.length, last);
    pods.become([A]);
    await world.pass(1000);
    assert.deepEqual([world.watched, world.told], [[A], [A]]);
  });

  it("tell nothing before they are known", async () => {
    const world = new World();
    const discovery = world.discover([], "local", {}, new Pods());
    await world.pass(120_000);
    assert.deepEqual([world.reports, discovery.isSettled, discovery.hasNothing], [[], false, false]);
  });

  it("of a Redis Cluster lead to its other nodes, of which those on the own node are watched", async () => {
    const world = new World();
    world.cluster([A, B, C]);
    const pods = new Pods();
    const discovery = world.discover([], "local", {}, pods);
    pods.become([A, B]);
    await world.pass(1000);
    assert.deepEqual(world.watched, [A, B]);
    assert.deepEqual(world.told, [A, B, C]);
    assert.equal(discovery.servers().length, 3);
    pods.become([]);
    await world.pass(1000);
    assert.deepEqual([world.watched, world.asked, discovery.servers()], [[], [], []]);
  });

  it("are each of the cluster that they name", async () => {
    const world = new World();
    const pods = new Pods();
    world.discover([], "local", {}, pods);
    pods.become([A], "shop");
    await world.pass(1000);
    pods.become([B], "cart");
    await world.pass(1000);
    const told = new Map(world.reports.map(({ cluster, targets }) => [cluster, targets]));
    assert.deepEqual(Object.fromEntries(told), { shop: [], cart: [B] });
  });

  it("leave those of the config as they are watched", async () => {
    const world = new World();
    // By its listed name it is no server of this host; by the one that it announces it is.
    world.names.set("redis.example", ["10.9.9.9"]);
    world.ownAddresses = ["10.0.0.3"];
    world.cluster([C, B]);
    const listed = world.at("redis.example:6379");
    const { poll, sees } = world.at(C);
    listed.poll = poll;
    listed.sees = sees;
    const pods = new Pods();
    world.discover(["redis://redis.example:6379"], "local", {}, pods);
    await world.pass(3000);
    assert.deepEqual(world.watched, ["redis.example:6379"]);
    pods.become([A]);
    assert.deepEqual(world.watched, [A, "redis.example:6379"]);
    await world.pass(1000);
    assert.deepEqual(world.watched, [A, "redis.example:6379"]);
  });

  it("are one target with what the config lists at the same address", async () => {
    const world = new World();
    const pods = new Pods();
    world.discover([`redis://${A}`], "all", {}, pods);
    const [listed] = world.wanted();
    const opened: string[][] = [];
    const set = world.set.bind(world);
    world.set = (group, wanted) => {
      opened.push(wanted.map(({ target }) => target.address));
      set(group, wanted);
    };
    pods.become([A, B]);
    await world.pass(1000);
    assert.ok(opened.length > 1);
    assert.ok(opened.every((addresses) => addresses.join() === [A, B].join()));
    assert.equal(world.wanted()[0]?.target, listed?.target);
  });

  it("are told to be gone though none of the others answers", async () => {
    const world = new World();
    const pods = new Pods();
    world.discover([], "local", {}, pods);
    pods.become([A]);
    await world.pass(70_000);
    world.at(A).current = "down";
    world.at(B).current = "down";
    await world.pass(4000);
    const silent = world.reports.length;
    await world.pass(30_000);
    assert.equal(world.reports.length, silent);
    // Its pod has got another address, where nothing listens yet.
    pods.become([B]);
    await world.pass(1000);
    assert.deepEqual(world.told, [B]);
    await world.pass(610_000);
    const last = world.reports.length;
    await world.pass(60_000);
    assert.equal(world.reports.length, last);
  });

  it("are told to be none in each cluster that a Sentinel among them has named", async () => {
    const world = new World();
    const groups = [A, B].map((address, index) => {
      const { host, port } = placeOf(address);
      return { name: `primary-${index}`, epoch: 1, servers: [plainServer(host, port, "primary")] };
    });
    const sentinel = world.at(C);
    sentinel.poll = { ...PLAIN, isSentinel: true, role: "unknown", primary: null };
    sentinel.sees = { kind: "sentinel", groups };
    const pods = new Pods();
    world.discover([], "all", {}, pods);
    pods.become([C]);
    await world.pass(1000);
    const told = () => Object.fromEntries(world.reports.map(({ cluster, targets }) => [cluster, targets]));
    assert.deepEqual(told(), { "default/primary-0": [A], "default/primary-1": [B] });
    pods.become([]);
    await world.pass(1000);
    assert.deepEqual(told(), { default: [], "default/primary-0": [], "default/primary-1": [] });
    // Another server takes its place, which knows of no Sentinel.
    pods.become([D]);
    await world.pass(1000);
    assert.deepEqual(world.watched, [D]);
  });
});
