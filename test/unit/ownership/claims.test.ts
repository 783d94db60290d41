import assert from "node:assert/strict";
import { test } from "node:test";
import type { OwnerRecord } from "../../../src/model/state-record.ts";
import { Claims } from "../../../src/ownership/claims.ts";
import { StateView } from "../../../src/ownership/state-view.ts";

/** Two processes over one log, which each reads when the test says so. */
function setUp(names: readonly string[] = ["a", "b"]) {
  const log: OwnerRecord[] = [];
  const time = { monotonicMs: 0 };
  const members = names.map((instance) => {
    const events: string[] = [];
    const member = { instance, events, isConfirmed: true, read: 0 };
    const view = new StateView({
      claimed: (authority) => claims.claimed(authority),
      incidentChanged: () => {},
      targetChanged: () => {},
      overwritten: () => {},
      unwanted: () => {},
    });
    const claims: Claims = new Claims({
      instance,
      partitionOf: (_cluster, bucket) => bucket,
      view,
      termOf: () => 0,
      write: (record) => log.push(record),
      isConfirmed: () => member.isConfirmed,
      monotonic: () => time.monotonicMs,
      onHeld: (cluster, bucket) => events.push(`held ${cluster}/${bucket}`),
      onLost: (cluster, bucket) => events.push(`lost ${cluster}/${bucket}`),
    });
    const read = () => {
      while (member.read < log.length) view.apply(log[member.read++]!, time.monotonicMs);
    };
    return Object.assign(member, { claims, catchUp: read });
  });
  return { log, time, members };
}

test("a bucket is held once its claim was read back, with a term above the highest seen", () => {
  const { log, members } = setUp();
  const [a, b] = [members[0]!, members[1]!];
  a.claims.assign(0);
  a.claims.want("shop", 0);
  assert.equal(log.length, 0, "before the topic was read, no term is known to be the highest");
  a.claims.ready();
  a.claims.want("shop", 0);
  a.claims.want("shop", 0);
  assert.equal(log.length, 1);
  assert.equal(a.claims.authorityOf("shop", 0), null);
  a.catchUp();
  assert.deepEqual(a.claims.authorityOf("shop", 0), { cluster: "shop", bucket: 0, term: 1, instance: "a" });
  a.claims.revoke(0);
  assert.equal(a.claims.authorityOf("shop", 0), null);
  b.catchUp();
  b.claims.ready();
  b.claims.assign(0);
  b.claims.want("shop", 0);
  b.catchUp();
  assert.equal(b.claims.authorityOf("shop", 0)?.term, 2);
  assert.deepEqual([a.events, b.events], [["held shop/0", "lost shop/0"], ["held shop/0"]]);
});

test("a bucket of a partition that is another's is not claimed", () => {
  const { log, members } = setUp(["a"]);
  members[0]!.claims.ready();
  members[0]!.claims.assign(1);
  members[0]!.claims.want("shop", 0);
  assert.deepEqual(log, []);
});

test("whoever does not know whether it is a member holds nothing, and holds it again when it knows", () => {
  const { members } = setUp(["a"]);
  const [a] = members;
  a!.claims.ready();
  a!.claims.assign(0);
  a!.claims.want("shop", 0);
  a!.catchUp();
  a!.isConfirmed = false;
  assert.equal(a!.claims.authorityOf("shop", 0), null);
  a!.isConfirmed = true;
  assert.equal(a!.claims.authorityOf("shop", 0)?.term, 1);
});

test("an owner whose bucket was taken lets go at once, and claims it again if the group says that it is its own", () => {
  const { time, members } = setUp();
  const [a, b] = [members[0]!, members[1]!];
  for (const { claims } of [a, b]) {
    claims.ready();
    claims.assign(0);
  }
  a.claims.want("shop", 0);
  a.catchUp();
  b.catchUp();
  b.claims.want("shop", 0);
  a.catchUp();
  assert.deepEqual(a.events, ["held shop/0", "lost shop/0"]);
  a.claims.tick();
  assert.equal(a.claims.isSettled, false);
  time.monotonicMs += 1000;
  a.claims.tick();
  a.catchUp();
  b.catchUp();
  assert.equal(a.claims.authorityOf("shop", 0)?.term, 3);
  assert.equal(b.claims.authorityOf("shop", 0), null);
});

test("of two that claim in one term, one holds the bucket", () => {
  const { members } = setUp();
  const [a, b] = [members[0]!, members[1]!];
  for (const { claims } of [a, b]) {
    claims.ready();
    claims.assign(0);
    claims.want("shop", 0);
  }
  a.catchUp();
  b.catchUp();
  assert.deepEqual([a.events, b.events], [["held shop/0"], []]);
});
