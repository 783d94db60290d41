import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyIdOf } from "../../../../../src/client/remedies/key-id.ts";
import { AbsentKeys } from "../../../../../src/client/remedies/router/absent-keys.ts";
import { HOT_KEYS_MAX, HotKeys } from "../../../../../src/client/remedies/router/hot-keys.ts";
import { RecentLatency } from "../../../../../src/client/remedies/router/latency.ts";
import { PrimaryOffsets } from "../../../../../src/client/remedies/router/primary-offsets.ts";
import { ReplicaChoice } from "../../../../../src/client/remedies/router/replica-choice.ts";
import { judgeReplica } from "../../../../../src/client/remedies/router/replica-health.ts";
import { parseReplicationInfo } from "../../../../../src/client/remedies/router/replication-info.ts";

describe("INFO replication", () => {
  const REPLICA = [
    "# Replication",
    "role:slave",
    "master_host:10.0.0.1",
    "master_link_status:up",
    "master_sync_in_progress:0",
    "slave_read_repl_offset:1300",
    "slave_repl_offset:1200",
    "connected_slaves:1",
    "master_replid:abc",
    "master_repl_offset:1400",
    "",
  ];
  const parse = (lines: readonly string[]) => parseReplicationInfo(lines.join("\r\n"));

  test("of a replica what it has applied counts", () => {
    const expected = { role: "replica", offset: 1200, streamId: "abc", isLinked: true, replicas: 1 };
    assert.deepEqual(parse(REPLICA), expected);
  });

  test("a link that is down, or a copy that is not whole, is no link", () => {
    const changed = (from: string, to: string) => parse(REPLICA.map((line) => (line === from ? to : line)));
    assert.equal(changed("master_link_status:up", "master_link_status:down").isLinked, false);
    assert.equal(changed("master_sync_in_progress:0", "master_sync_in_progress:1").isLinked, false);
  });

  test("of a primary its own offset counts", () => {
    const lines = [
      "role:master",
      "connected_slaves:2",
      "master_replid:abc",
      "master_repl_offset:9007199254740000",
    ];
    const expected = {
      role: "primary",
      offset: 9007199254740000,
      streamId: "abc",
      isLinked: true,
      replicas: 2,
    };
    assert.deepEqual(parse(lines), expected);
  });

  test("what is no such reply is refused", () => {
    assert.throws(() => parse([]), /names no role/);
    assert.throws(() => parse(["role:sentinel"]), /names no role/);
    assert.throws(() => parse(["role:master"]), /names no offset/);
    assert.throws(() => parse(["role:slave", "slave_repl_offset:x"]), /names no offset/);
  });
});

test("a replica is judged by its role, its stream, its link, both lags, and own writes", () => {
  const info = { role: "replica", offset: 900, streamId: "a", isLinked: true, replicas: 0 } as const;
  const replica = { info, askedMs: 9990, answeredMs: 10_000 };
  const past = { streamId: "a", offset: 1000, equalMs: 5000, floor: 900 };
  const limits = { maxLagBytes: 100, maxLagMs: 5000 };
  const verdict = (changed: object, changedPast = {}, changedLimits = {}) => {
    const judged = { ...replica, info: { ...info, ...changed } };
    return judgeReplica(judged, { ...past, ...changedPast }, { ...limits, ...changedLimits }).verdict;
  };
  assert.deepEqual(judgeReplica(replica, past, limits), { verdict: "serving", lagBytes: 100 });
  assert.equal(verdict({ role: "primary" }), "no-replica");
  assert.equal(verdict({ streamId: "b" }), "other-primary");
  assert.equal(verdict({ isLinked: false }), "unlinked");
  assert.equal(verdict({ offset: 899 }), "lagging");
  assert.equal(verdict({}, { equalMs: 4999 }), "lagging");
  assert.equal(verdict({}, { equalMs: null }), "lagging");
  assert.equal(verdict({}, { floor: 901 }), "lagging");
  assert.equal(verdict({}, { floor: null }), "lagging");
  assert.equal(verdict({ offset: 1001 }, {}, { maxLagBytes: 0 }), "serving");
  // The primary does not answer.
  const silent = { offset: null };
  assert.deepEqual(judgeReplica(replica, { ...past, ...silent }, limits), {
    verdict: "serving",
    lagBytes: null,
  });
  assert.equal(verdict({ isLinked: false }, silent), "serving");
  assert.equal(verdict({ streamId: "b" }, silent), "other-primary");
  assert.equal(verdict({}, { ...silent, equalMs: 4999 }), "lagging");
  assert.equal(verdict({}, { ...silent, floor: 901 }), "lagging");
});

describe("the choice among replicas", () => {
  const replica = (name: string, latencyMs: number | null, underWay = 0, measuredMs = 10_000) => ({
    name,
    latencyMs,
    underWay,
    measuredMs,
  });
  const chosen = (choice: ReplicaChoice, candidates: ReturnType<typeof replica>[], times: number) => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < times; i++) {
      const { name } = choice.pick(candidates, 10_500)!;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };

  test("in turn each gets as many", () => {
    const three = [replica("a", 1), replica("b", 100), replica("c", null)];
    assert.deepEqual(chosen(new ReplicaChoice("round-robin"), three, 300), { a: 100, b: 100, c: 100 });
    assert.equal(new ReplicaChoice("round-robin").pick([], 0), null);
    assert.equal(new ReplicaChoice("least-latency").pick([], 0), null);
  });

  test("the fastest gets all, about equal ones share", () => {
    const choice = new ReplicaChoice("least-latency");
    assert.deepEqual(chosen(choice, [replica("a", 2), replica("b", 1)], 100), { b: 100 });
    assert.deepEqual(chosen(choice, [replica("a", 1.2), replica("b", 1), replica("c", 9)], 100), {
      a: 50,
      b: 50,
    });
  });

  test("reads under way count, so that one that hangs gets no more", () => {
    const choice = new ReplicaChoice("least-latency");
    assert.deepEqual(chosen(choice, [replica("a", 1, 9), replica("b", 5)], 10), { b: 10 });
  });

  test("one that was not measured, or not for a second, is tried, one read at a time", () => {
    const choice = new ReplicaChoice("least-latency");
    assert.deepEqual(chosen(choice, [replica("a", 1), replica("b", null)], 1), { b: 1 });
    assert.deepEqual(chosen(choice, [replica("a", 1), replica("b", 50, 0, 9500)], 1), { b: 1 });
    assert.deepEqual(chosen(choice, [replica("a", 1), replica("b", 50, 1, 9500)], 1), { a: 1 });
  });
});

test("latencies are forgotten by time, not by number", () => {
  const latency = new RecentLatency();
  assert.equal(latency.meanMs, null);
  latency.add(100, 0);
  assert.equal(latency.meanMs, 100);
  // A thousand fast reads within a millisecond are no more than a millisecond of fast reads.
  for (let i = 0; i < 1000; i++) latency.add(1, i / 1000);
  assert.ok(latency.meanMs! > 90);
  for (let i = 1; i <= 10; i++) latency.add(1, i * 1000);
  assert.ok(latency.meanMs! < 2, `${latency.meanMs}`);
});

test("when the primary was where a replica is", () => {
  const offsets = new PrimaryOffsets(1000);
  assert.equal(offsets.lastAt(5), null);
  for (let step = 0; step <= 20; step++) offsets.add(step * 10, step * 100);
  assert.equal(offsets.lastAt(200), 2000);
  assert.equal(offsets.lastAt(199), 1900);
  // Before what is remembered.
  assert.equal(offsets.lastAt(90), null);
  assert.equal(offsets.lastAt(100), 1000);
  offsets.clear();
  assert.equal(offsets.lastAt(200), null);
});

test("absent keys are believed for their time, the latest of them", () => {
  const absent = new AbsentKeys(1000, 2);
  absent.add("a", 0);
  absent.add("b", 0);
  assert.equal(absent.has("a", 1000), true);
  assert.equal(absent.has("a", 1001), false);
  absent.add("a", 10);
  absent.add("c", 10);
  assert.deepEqual([absent.has("a", 20), absent.has("b", 20), absent.has("c", 20)], [true, false, true]);
  absent.delete("a");
  assert.equal(absent.has("a", 20), false);
});

describe("hot keys", () => {
  const has = (hot: HotKeys, key: string | Uint8Array) => hot.has(key, keyIdOf(key), (key) => key);

  test("are those named, those of a glob, and those that the source knows, as text or bytes", () => {
    const source = { has: (key: unknown) => key === "from source" };
    const hot = new HotKeys(new Set(["é", Buffer.from([0xff])]), ["user:[0-9]*"], source);
    for (const key of [
      "é",
      Buffer.from("é"),
      new Uint8Array([0xff]),
      "user:1x",
      Buffer.from("user:2"),
      "from source",
    ])
      assert.equal(has(hot, key), true, String(key));
    for (const key of ["e", "user:", "xuser:1", Buffer.from([0xfe])])
      assert.equal(has(hot, key), false, String(key));
    assert.equal(hot.remove(Buffer.from("é")), true);
    assert.equal(has(hot, "é"), false);
  });

  test("are bounded", () => {
    const hot = new HotKeys(
      Array.from({ length: HOT_KEYS_MAX }, (_, index) => `k${index}`),
      undefined,
      undefined,
    );
    hot.add("k1");
    assert.throws(() => hot.add("one more"), /^RangeError: key: there are 100000 hot keys/);
  });
});
