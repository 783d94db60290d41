import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { memoryStore } from "../../src/incidents/store.ts";
import { LoneAggregator } from "../../src/lone-aggregator.ts";
import type { HotSet } from "../../src/model/hot-set.ts";
import type { Incident } from "../../src/model/incident.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { makeClientsReport, makePart, makeReport, type Row } from "../support/parts.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

const RULE = {
  name: "hot",
  type: "rate",
  window: "10s",
  threshold: "1000/s",
  keepFiringFor: "5s",
  cooldown: "1s",
};

const SHOP = { name: "shop", instances: 1, returnedMs: 0, gapMs: 1000, saidGoodbye: false };

/** What one second brings. */
interface Second {
  /** As clients tell it. */
  readonly claimed: readonly Row[];
  /** Reads and writes that the server says it ran. */
  readonly ran?: { readonly read: number; readonly write: number };
  /** What the server's own events tell. */
  readonly seen?: readonly Row[];
}

/** One server whose clients report, seen by a process that leases keys, under simulated time. */
class Rig {
  readonly clock = new SimulatedClock();
  readonly hotSets: HotSet[] = [];
  readonly states: string[] = [];
  readonly #aggregator: LoneAggregator;
  #reports = 0;

  constructor(hotSet: object = {}) {
    const config = defaultConfig({ redisUrls: ["redis://10.0.0.1:6379"], rules: [RULE] });
    this.#aggregator = new LoneAggregator({
      config,
      receivers: [],
      store: memoryStore(),
      clock: this.clock,
      logger: silentLogger,
      onIncident: ({ status }: Incident) => {
        if (this.states.at(-1) !== status) this.states.push(status);
      },
      hotSet: {
        terms: { ...config.hotSet, ...hotSet },
        write: (changed) => this.hotSets.push(changed),
      },
    });
    this.#aggregator.start();
  }

  pass(seconds: number, { claimed, ran = { read: 0, write: 0 }, seen = [] }: Second): void {
    for (let second = 0; second < seconds; second++) {
      const startMs = this.clock.now();
      this.clock.advance(1000);
      const observed = { read: 0, write: 0, miss: 0 };
      const atMs = this.clock.now();
      const read = claimed.reduce((sum, row) => sum + (row.read ?? 0), 0);
      const write = claimed.reduce((sum, row) => sum + (row.write ?? 0), 0);
      this.#aggregator.take([
        makePart({ startMs, rows: seen, totals: { observed, ran } }),
        makeReport({ atMs, ran }),
        makePart({
          startMs,
          vantage: "clients",
          sees: ["read", "write", "miss"],
          complete: false,
          rows: claimed,
        }),
        makeClientsReport({ number: ++this.#reports, startMs, read, write }),
        {
          type: "services",
          agent: "agent-a",
          cluster: "default",
          atMs,
          services: [{ ...SHOP, heardMs: atMs }],
        },
      ]);
    }
  }

  /** Of keys that are leased now. */
  get keys(): string[] {
    const leases = this.hotSets.at(-1)?.leases ?? [];
    return leases.map(({ key }) => Buffer.from(key).toString()).sort();
  }
}

function reads(key: string, read: number, absorbed = 0): Row {
  return { key, read, absorbed, services: { shop: read + absorbed } };
}

describe("a cluster's owner", () => {
  test("leases a key that is read hard, and goes on when caches absorb it: its incident resolves, its lease stays", () => {
    const rig = new Rig();
    rig.pass(15, { claimed: [reads("flag:x", 20_000)], ran: { read: 20_000, write: 0 } });
    assert.deepEqual([rig.keys, rig.states], [["flag:x"], ["firing"]]);
    rig.pass(120, { claimed: [reads("flag:x", 0, 20_000)], ran: { read: 0, write: 0 } });
    assert.deepEqual([rig.keys, rig.states], [["flag:x"], ["firing", "recovering", "resolved"]]);
    assert.equal(rig.hotSets.at(-1)?.leases[0]?.ratePerSecond, 20_000);
    rig.pass(60, { claimed: [reads("flag:x", 5, 100)], ran: { read: 5, write: 0 } });
    assert.deepEqual(rig.keys, []);
    assert.deepEqual(rig.states, ["firing", "recovering", "resolved"]);
  });

  test("leases a key within three seconds of the crossing", () => {
    const rig = new Rig();
    rig.pass(20, { claimed: [reads("flag:x", 900)], ran: { read: 900, write: 0 } });
    assert.deepEqual(rig.keys, []);
    rig.pass(3, { claimed: [reads("flag:x", 20_000)], ran: { read: 20_000, write: 0 } });
    assert.deepEqual(rig.keys, ["flag:x"]);
  });

  test("leases a key that is hammered and not there: a cache can hold that, too", () => {
    const rig = new Rig();
    rig.pass(15, { claimed: [], seen: [{ key: "gone", miss: 5000 }], ran: { read: 5000, write: 0 } });
    assert.deepEqual(rig.keys, ["gone"]);
  });

  test("writes nothing while nothing is hot, but once that there is nothing", () => {
    const rig = new Rig();
    rig.pass(600, { claimed: [reads("calm", 100)], ran: { read: 100, write: 10 } });
    assert.deepEqual(
      rig.hotSets.map(({ version, leases }) => [version, leases.length]),
      [[1, 0]],
    );
  });

  test("leases nothing on a claim of what the server never ran", () => {
    const rig = new Rig();
    rig.pass(60, { claimed: [reads("forged", 50_000, 50_000)], ran: { read: 100, write: 0 } });
    assert.deepEqual(rig.keys, []);
    const trusting = new Rig({ allowUncorroborated: true });
    trusting.pass(60, { claimed: [reads("forged", 50_000, 50_000)], ran: { read: 100, write: 0 } });
    assert.deepEqual(trusting.keys, ["forged"]);
  });

  test("leases nothing on a claim that a busy server would hide, where its clients report what it runs", () => {
    const busy = Array.from({ length: 40 }, (_, i) => reads(`k${i}`, 500));
    const ran = { read: 20_000, write: 0 };
    for (const forged of [1500, 5000, 20_000, 1_000_000]) {
      const rig = new Rig();
      rig.pass(30, { claimed: busy, ran });
      rig.pass(60, { claimed: [...busy, reads("forged", forged)], ran });
      assert.deepEqual(rig.keys, [], `${forged}/s were claimed`);
      // A lease judged by what alerts are judged by would be open by now.
      if (forged < 20_000) assert.deepEqual(rig.states, ["firing"]);
    }
  });

  test("leases nothing on clients' word alone, where the server says nothing of itself", () => {
    const unknown = new Rig();
    unknown.pass(60, { claimed: [reads("k", 5000)], ran: UNKNOWN });
    assert.deepEqual([unknown.keys, unknown.states], [[], ["firing"]]);
  });

  test("where more keys are hot than may be leased, those that are keep their leases while others pass them by a little", () => {
    const rig = new Rig({ max: 2 });
    const old = [reads("a", 3000), reads("b", 3000)];
    rig.pass(15, { claimed: old, ran: { read: 6000, write: 0 } });
    assert.deepEqual(rig.keys, ["a", "b"]);
    const others = [reads("c", 3300), reads("d", 3300), reads("e", 3300)];
    rig.pass(40, { claimed: [...old, ...others], ran: { read: 15_900, write: 0 } });
    assert.deepEqual(rig.keys, ["a", "b"]);
  });

  test("keeps leases, and opens others, however many keys caches are claimed to absorb reads of", () => {
    const rig = new Rig({ max: 2 });
    rig.pass(15, { claimed: [reads("a", 2000)], ran: { read: 2000, write: 0 } });
    const forged = Array.from({ length: 20 }, (_, i) => reads(`forged:${i}`, 0, 1_000_000));
    rig.pass(60, {
      claimed: [reads("a", 10, 1990), reads("b", 2000), ...forged],
      ran: { read: 2010, write: 0 },
    });
    assert.deepEqual(rig.keys, ["a", "b"]);
  });

  test("leases no key that is written as often as it is read", () => {
    const rig = new Rig();
    rig.pass(30, {
      claimed: [{ ...reads("counter", 5000), write: 5000 }],
      seen: [{ key: "counter", write: 5000 }],
      ran: { read: 5000, write: 5000 },
    });
    assert.deepEqual([rig.keys, rig.states], [[], ["firing"]]);
  });
});

const UNKNOWN = { read: null, write: null } as unknown as { read: number; write: number };
