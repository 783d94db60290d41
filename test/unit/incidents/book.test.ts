import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { IncidentBook, type IncidentBookOptions } from "../../../src/incidents/book.ts";
import { type IncidentStore, memoryStore, StoreError } from "../../../src/incidents/store.ts";
import type { Incident, Notified, Severity } from "../../../src/model/incident.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import { Ledger, unaccounted } from "../../../src/runtime/accounting.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { heatOf, incidentOf, observation, RULE, START_MS } from "./samples.ts";

/** Keeps what was saved, as a file would. */
class KeptStore implements IncidentStore {
  readonly rows = new Map<string, Incident>();
  saves = 0;
  isBroken = false;

  load(): readonly Incident[] {
    return [...this.rows.values()];
  }

  save(incidents: readonly Incident[]): void {
    if (this.isBroken) throw new StoreError("FAILED", "disk full", {});
    this.saves++;
    for (const incident of incidents) this.rows.set(incident.id, incident);
  }

  prune(): void {}
  close(): void {}
}

function bookOf(options: Partial<IncidentBookOptions> = {}) {
  const ledger = new Ledger("incidents");
  const store = memoryStore();
  const book = new IncidentBook({
    rules: [RULE],
    store,
    ledger,
    logger: silentLogger,
    nowMs: START_MS,
    ...options,
  });
  let asOfMs = 0;
  const observe = (
    verdict: Verdict,
    atSeconds: number,
    key = "user:1",
    severity: Severity = "warning",
    writes = 20_000,
  ) => {
    const atMs = START_MS + atSeconds * 1000;
    asOfMs = Math.max(asOfMs, atMs);
    return book.observe(RULE, observation(verdict, severity, heatOf({ key, atMs: asOfMs, writes })), atMs);
  };
  const tick = (atSeconds: number) => book.tick(START_MS + atSeconds * 1000);
  return { book, ledger, observe, tick };
}

function paged(atSeconds: number, changes: Partial<Notified> = {}): Notified {
  const atMs = START_MS + atSeconds * 1000;
  return { receiver: "hook", atMs, outcome: "delivered", event: "firing", severity: "warning", ...changes };
}

describe("the book of incidents", () => {
  it("tells of an incident when it fires, and not again while nothing changes", () => {
    const { book, observe } = bookOf();
    assert.equal(observe("hot", 0)?.status, "firing");
    assert.equal(observe("hot", 1), null);
    assert.equal(observe("hot", 2), null);
    assert.equal(book.size, 1);
  });

  it("tells of a higher peak and of a higher severity", () => {
    const { observe } = bookOf();
    observe("hot", 0);
    assert.equal(observe("hot", 1, "user:1", "warning", 21_000), null);
    assert.equal(observe("hot", 2, "user:1", "warning", 40_000)?.peakRatePerSecond, 4000);
    assert.equal(observe("hot", 3, "user:1", "critical")?.severity, "critical");
  });

  it("shows the newest figures without telling of each", () => {
    const { book, observe } = bookOf();
    observe("hot", 0);
    observe("hot", 1, "user:1", "warning", 20_500);
    assert.equal(book.list({ limit: 1 })[0]?.ratePerSecond, 2050);
  });

  it("lets time resolve what was seen calm", () => {
    const { observe, tick } = bookOf();
    observe("hot", 0);
    assert.equal(observe("calm", 10)?.status, "recovering");
    for (let second = 11; second < 40; second++) {
      observe("calm", second);
      assert.deepEqual(tick(second), []);
    }
    assert.deepEqual(
      tick(40).map(({ status }) => status),
      ["resolved"],
    );
  });

  it("does not resolve on a verdict of long ago", () => {
    const { observe, tick } = bookOf();
    observe("hot", 0);
    observe("calm", 10);
    assert.deepEqual(tick(50), []);
  });

  it("keeps rules, databases and clusters apart", () => {
    const { book } = bookOf();
    const heat = heatOf();
    const others = [
      heat,
      { ...heat, key: { ...heat.key, db: 1 } },
      { ...heat, key: { ...heat.key, cluster: "other" } },
    ];
    for (const other of others) book.observe(RULE, observation("hot", "warning", other), START_MS);
    book.observe({ ...RULE, name: "second" }, observation("hot", "warning", heat), START_MS);
    assert.equal(new Set(book.list({ limit: 10 }).map(({ id }) => id)).size, 4);
    assert.equal(book.find("second", heat.key)?.rule, "second");
  });

  it("opens an incident of its own for a key that resolved and fires again", () => {
    const { book, observe } = bookOf();
    const first = observe("hot", 0);
    observe("calm", 10);
    assert.equal(observe("calm", 40)?.status, "resolved");
    const second = observe("hot", 41);
    assert.notEqual(second?.id, first?.id);
    assert.deepEqual(
      book.list({ limit: 10 }).map(({ status }) => status),
      ["firing", "resolved"],
    );
    assert.deepEqual(
      book.list({ status: "resolved", limit: 10 }).map(({ id }) => id),
      [first?.id],
    );
  });

  it("never has two incidents of one id, even for a key that resolves within the second in which it fired", () => {
    const quick = { ...RULE, keepFiringFor: 0 };
    const { book } = bookOf({ rules: [quick] });
    const observe = (verdict: Verdict, atMs: number) =>
      book.observe(
        quick,
        observation(verdict, "warning", heatOf({ atMs: START_MS + atMs })),
        START_MS + atMs,
      );
    observe("hot", 0);
    assert.equal(observe("calm", 300)?.status, "resolved");
    assert.equal(observe("hot", 600), null);
    assert.equal(observe("hot", 1000)?.status, "firing");
  });

  it("does not go back in time when a closed hop comes after the running window", () => {
    const { book } = bookOf();
    book.observe(RULE, observation("hot", "warning", heatOf({ atMs: START_MS + 1000 })), START_MS + 500);
    assert.equal(
      book.observe(RULE, observation("calm", "warning", heatOf({ atMs: START_MS })), START_MS + 900),
      null,
    );
    assert.equal(book.list({ limit: 1 })[0]?.status, "firing");
  });

  it("holds a bounded number of open incidents and counts the others", () => {
    const { book, ledger, observe } = bookOf({ activeMax: 2 });
    for (const key of ["a", "b", "c", "d"]) observe("hot", 0, key);
    assert.equal(book.size, 2);
    assert.deepEqual(ledger.books(), {
      stage: "incidents",
      received: 4,
      kept: 2,
      dropped: { "active-full": 2 },
    });
    assert.equal(unaccounted(ledger.books()), 0);
  });

  it("remembers a bounded number of resolved ones, but forgets none of which somebody has to be told", () => {
    const { book, observe } = bookOf({ resolvedMax: 2 });
    for (let n = 0; n < 6; n++) {
      const incident = observe("hot", n, `key:${n}`);
      if (n < 4) book.recordNotified(incident?.id ?? "", paged(n));
    }
    for (let n = 0; n < 6; n++) observe("calm", 6, `key:${n}`);
    for (let n = 0; n < 6; n++) observe("calm", 400, `key:${n}`);
    assert.equal(book.list({ status: "resolved", limit: 10 }).length, 6);
    assert.equal(book.owing().length, 4);
    for (const { id } of book.owing()) book.recordNotified(id, paged(401, { event: "resolved" }));
    assert.equal(book.owing().length, 0);
    assert.equal(book.list({ limit: 10 }).length, 2);
  });

  it("turns stale when nothing is seen of the key, and expires after an hour", () => {
    const { observe, tick } = bookOf();
    observe("hot", 0);
    observe("unknown", 30);
    assert.deepEqual(tick(59), []);
    assert.deepEqual(
      tick(60).map(({ status, reason }) => [status, reason]),
      [["firing", "stale"]],
    );
    assert.equal(observe("hot", 61)?.reason, null);
    tick(121);
    assert.deepEqual(
      tick(3661).map(({ status, reason }) => [status, reason]),
      [["resolved", "expired"]],
    );
  });

  it("ends the incidents of a target that is gone", () => {
    const { book, observe } = bookOf();
    observe("hot", 0);
    assert.deepEqual(book.decommission("shop", "127.0.0.1:6380", START_MS), []);
    const ended = book.decommission("shop", "127.0.0.1:6379", START_MS + 1000);
    assert.deepEqual(
      ended.map(({ status, reason }) => [status, reason]),
      [["resolved", "decommissioned"]],
    );
    assert.equal(book.size, 0);
  });
});

describe("incidents over a restart", () => {
  it("are on the disk when the turn of the event loop ends in which they fired, a storm of them in one write", async () => {
    const store = new KeptStore();
    const { observe } = bookOf({ store });
    for (let n = 0; n < 100; n++) observe("hot", 0, `key:${n}`);
    await Promise.resolve();
    assert.equal(store.rows.size, 100);
    assert.equal(store.saves, 1);
  });

  it("are on the disk with a notification before recordNotified returns", () => {
    const store = new KeptStore();
    const { book, observe } = bookOf({ store });
    const id = observe("hot", 0)?.id ?? "";
    book.recordNotified(id, paged(0));
    assert.deepEqual(store.rows.get(id)?.notified, [paged(0)]);
    assert.equal(book.recordNotified("unknown", paged(0)), null);
  });

  it("go on with their id and their log, and hold nobody for calm meanwhile", () => {
    const store = new KeptStore();
    const before = bookOf({ store });
    const id = before.observe("hot", 0)?.id ?? "";
    before.book.recordNotified(id, paged(0));
    before.observe("calm", 5);
    before.book.close();

    const after = bookOf({ store, nowMs: START_MS + 60_000 });
    assert.equal(after.book.get(id)?.reason, "stale");
    const again = after.observe("hot", 61);
    assert.equal(again?.id, id);
    assert.equal(again?.reopened, 1);
    assert.deepEqual(again?.notified, [paged(0)]);
    after.observe("calm", 62);
    assert.equal(after.observe("calm", 91), null, "calm for 29 s");
    assert.equal(after.observe("calm", 299)?.status ?? "recovering", "recovering");
    assert.equal(after.observe("calm", 300)?.status, "resolved");
  });

  it("bring back the resolves that are still owed", () => {
    const store = new KeptStore();
    const before = bookOf({ store });
    const id = before.observe("hot", 0)?.id ?? "";
    before.book.recordNotified(id, paged(0));
    before.observe("calm", 1);
    before.observe("calm", 301);
    before.book.close();
    const after = bookOf({ store, nowMs: START_MS + 400_000 });
    assert.deepEqual(
      after.book.owing().map((incident) => incident.id),
      [id],
    );
    assert.equal(after.book.size, 0);
  });

  it("end where their rule is no longer in the config", () => {
    const store = new KeptStore();
    const before = bookOf({ store });
    const id = before.observe("hot", 0)?.id ?? "";
    before.book.recordNotified(id, paged(0));
    before.book.close();
    const { book } = bookOf({ store, rules: [] });
    assert.equal(book.get(id)?.reason, "decommissioned");
    assert.deepEqual(
      book.owing().map((incident) => incident.id),
      [id],
    );
  });

  it("are never written while pending", () => {
    const store = new KeptStore();
    const slow = { ...RULE, for: 60_000 };
    const { book } = bookOf({ store, rules: [slow] });
    book.observe(slow, observation("hot", "warning", heatOf()), START_MS);
    book.close();
    assert.equal(store.rows.size, 0);
  });

  it("are written as soon as a failing store works again, and nobody is held up meanwhile", () => {
    const store = new KeptStore();
    const { book, observe, tick } = bookOf({ store });
    store.isBroken = true;
    const id = observe("hot", 0)?.id ?? "";
    assert.deepEqual(book.recordNotified(id, paged(0))?.notified, [paged(0)]);
    tick(1);
    assert.equal(store.rows.size, 0);
    store.isBroken = false;
    tick(2);
    assert.deepEqual(store.rows.get(id)?.notified, [paged(0)]);
  });
});

test("after a restart ends that are owed are known, though more others are over than are kept", () => {
  const all = Array.from({ length: 12 }, (_, index) => {
    const over = { status: "resolved", reason: "cooled", resolvedAtMs: START_MS + index } as const;
    return incidentOf({ name: `user:${index}`, ...over, notified: index < 4 ? [paged(0)] : [] });
  });
  const load = (resolvedMax: number) => all.slice(-resolvedMax);
  const { book } = bookOf({ store: { ...memoryStore(), load }, resolvedMax: 2, activeMax: 10 });
  assert.deepEqual(
    book.owing().map(({ id }) => id),
    [0, 1, 2, 3].map((index) => `incident-of-user:${index}`),
  );
  assert.equal(book.list({ limit: 99 }).length, 4 + 2);
});

describe("incidents after the clock was set back by an hour", () => {
  const slow = { ...RULE, for: 10_000 };
  const HOUR_MS = 3_600_000;

  function seen(book: IncidentBook, verdict: Verdict, nowMs: number, severity: Severity = "warning") {
    return book.observe(slow, observation(verdict, severity, heatOf({ atMs: nowMs })), nowMs);
  }

  it("fire when the rule has held for as long as it asks for", () => {
    const { book } = bookOf({ rules: [slow] });
    seen(book, "hot", START_MS);
    for (let second = 0; second <= 10; second++) {
      const nowMs = START_MS - HOUR_MS + second * 1000;
      seen(book, "hot", nowMs);
      book.tick(nowMs);
    }
    const [incident] = book.active();
    assert.equal(incident?.status, "firing");
    assert.equal(incident.startedAtMs, START_MS - HOUR_MS);
  });

  it("rise in severity, and recover", () => {
    const { book } = bookOf({ rules: [slow] });
    for (let second = 0; second <= 11; second++) seen(book, "hot", START_MS + second * 1000);
    assert.equal(seen(book, "hot", START_MS - HOUR_MS, "critical")?.severity, "critical");
    for (let second = 1; second <= 60; second++) {
      seen(book, "calm", START_MS - HOUR_MS + second * 1000);
      book.tick(START_MS - HOUR_MS + second * 1000);
    }
    assert.equal(book.list({ limit: 1 })[0]?.status, "resolved");
  });
});
