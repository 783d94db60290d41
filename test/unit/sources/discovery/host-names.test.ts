import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HostNames } from "../../../../src/sources/discovery/host-names.ts";
import { canonicalName } from "../../../../src/sources/discovery/listed-names.ts";
import { SimulatedClock, settle } from "../../../support/simulated-clock.ts";

function start(names: Record<string, readonly string[] | null>, own: readonly string[] = []) {
  const clock = new SimulatedClock();
  const looks: string[] = [];
  let changes = 0;
  const hosts = new HostNames({
    clock,
    onChange: () => changes++,
    resolve: async (host) => {
      looks.push(host);
      const found = names[host];
      if (!found) throw new Error("no such name");
      return found;
    },
    ownAddresses: () => own,
  });
  return { clock, hosts, looks, changes: () => changes };
}

describe("host names", () => {
  it("are resolved in the background, once a minute, and news is told", async () => {
    const names = { redis: ["10.0.0.2", "::ffff:10.0.0.1"] };
    const { clock, hosts, looks, changes } = start(names);
    assert.equal(hosts.addressesOf("redis"), null);
    assert.equal(hosts.addressesOf("redis"), null);
    await settle();
    assert.deepEqual(hosts.addressesOf("redis"), ["10.0.0.1", "10.0.0.2"]);
    await clock.pass(59_000);
    hosts.addressesOf("redis");
    assert.deepEqual([looks.length, changes()], [1, 1]);
    names.redis = ["10.0.0.3"];
    await clock.pass(2000);
    assert.deepEqual(hosts.addressesOf("redis"), ["10.0.0.1", "10.0.0.2"]);
    await settle();
    assert.deepEqual(hosts.addressesOf("redis"), ["10.0.0.3"]);
    assert.deepEqual([looks.length, changes()], [2, 2]);
  });

  it("that cannot be resolved are tried again after 5 s; known ones stay known meanwhile", async () => {
    const names: Record<string, readonly string[] | null> = { redis: ["10.0.0.1"], lost: null };
    const { clock, hosts, looks } = start(names);
    hosts.addressesOf("redis");
    hosts.addressesOf("lost");
    await settle();
    assert.deepEqual(hosts.addressesOf("lost"), []);
    names.redis = null;
    await clock.pass(61_000);
    for (let i = 0; i < 3; i++) hosts.addressesOf("redis");
    await settle();
    assert.deepEqual(hosts.addressesOf("redis"), ["10.0.0.1"]);
    assert.equal(looks.filter((host) => host === "redis").length, 2);
    await clock.pass(5000);
    hosts.addressesOf("lost");
    assert.equal(looks.filter((host) => host === "lost").length, 2);
  });

  it("and addresses are this host's where an interface has them, or they are loopback", async () => {
    const { hosts } = start({ here: ["fe80::1"], there: ["10.9.9.9"] }, ["10.0.0.1", "fe80::1"]);
    for (const ip of ["10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1", "127.8.8.8", "::1", "fe80::1%eth0"])
      assert.equal(hosts.isLocal(ip), true, ip);
    assert.equal(hosts.isLocal("10.0.0.2"), false);
    assert.equal(hosts.isLocal("here"), null);
    hosts.isLocal("there");
    hosts.isLocal("lost");
    await settle();
    assert.deepEqual(
      [hosts.isLocal("here"), hosts.isLocal("there"), hosts.isLocal("lost")],
      [true, false, false],
    );
  });
});

it("an address has one name, whichever way it is written", () => {
  for (const address of [
    "localhost:7000",
    "127.0.0.1:7000",
    "[::1]:7000",
    "[::ffff:127.0.0.1]:7000",
    "LOCALHOST:7000",
  ])
    assert.equal(canonicalName(address), "localhost:7000", address);
  assert.equal(canonicalName("[FD00::1]:7000"), "[fd00::1]:7000");
  assert.equal(canonicalName("unix:///run/Redis.sock"), "unix:///run/Redis.sock");
  assert.notEqual(canonicalName("127.0.0.2:7000"), canonicalName("127.0.0.1:7000"));
});
