import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PanePart, partBytes, partIdentity } from "../../../src/model/pane.ts";
import { Ledger } from "../../../src/runtime/accounting.ts";
import { Backlog } from "../../../src/transport/backlog.ts";
import type { Message } from "../../../src/transport/transport.ts";
import fc from "../../support/fast-check.ts";
import { makePart, makeReport } from "../../support/parts.ts";

const PART_BYTES = partBytes(makePart({ rows: [{ key: "k", write: 1 }] }));

function backlogOf(bytesMax: number, batchBytesMax = 1): { backlog: Backlog; ledger: Ledger } {
  const ledger = new Ledger("transport");
  return { backlog: new Backlog({ bytesMax, batchBytesMax, entriesMax: 1000, ledger }), ledger };
}

function second(index: number, fields: Parameters<typeof makePart>[0] = {}): PanePart {
  return makePart({ startMs: index * 1000, rows: [{ key: "k", write: 1 }], ...fields });
}

/** Takes everything out, batch by batch. */
function drain(backlog: Backlog): Message[] {
  const all: Message[] = [];
  for (let batch = backlog.batch(); batch.length > 0; batch = backlog.batch()) {
    all.push(...batch);
    backlog.confirm();
  }
  return all;
}

function partsOf(messages: readonly Message[]): PanePart[] {
  return messages.filter((message) => message.type === "part");
}

function writesOf(parts: readonly PanePart[]): number {
  return parts.reduce((sum, { entries }) => sum + entries.writes.reduce((a, b) => a + b, 0), 0);
}

describe("the backlog", () => {
  it("gives messages in their order, in batches of bounded bytes", () => {
    const { backlog } = backlogOf(1e6, 2 * PART_BYTES);
    backlog.add([0, 1, 2, 3, 4].map((index) => second(index)));
    assert.equal(backlog.batch().length, 2);
    assert.equal(backlog.confirm(), 2);
    assert.deepEqual(
      partsOf(drain(backlog)).map(({ startMs }) => startMs),
      [2000, 3000, 4000],
    );
    assert.equal(backlog.bytes, 0);
  });

  it("gives a message that is larger than a batch by itself", () => {
    const { backlog } = backlogOf(1e6, 10);
    backlog.add([second(0), second(1)]);
    assert.equal(backlog.batch().length, 1);
  });

  it("gives a tried batch again, the very same, until it is confirmed", () => {
    const { backlog } = backlogOf(4 * PART_BYTES, 2 * PART_BYTES);
    backlog.add([second(0), second(1)]);
    const tried = backlog.batch();
    backlog.add([2, 3, 4, 5, 6, 7].map((index) => second(index)));
    assert.deepEqual(backlog.batch(), tried);
    backlog.confirm();
    const [merged] = partsOf(drain(backlog));
    assert.equal(merged?.lengthMs, 10_000);
    assert.equal(writesOf([merged!]), 6);
  });

  it("merges whole panes of one aligned 10 s when bytes run out, and loses nothing", () => {
    const { backlog, ledger } = backlogOf(9 * PART_BYTES);
    const panes = [...Array(20).keys()].map((index) => second(index));
    for (const pane of panes) backlog.add([pane]);
    assert.ok(backlog.bytes <= 9 * PART_BYTES);
    const parts = partsOf(drain(backlog));
    assert.ok(parts.length <= 9);
    assert.equal(writesOf(parts), 20);
    const merged = parts.filter(({ lengthMs }) => lengthMs === 10_000);
    assert.ok(merged.length > 0);
    for (const { startMs, part, parts: count, closing } of merged) {
      assert.equal(startMs % 10_000, 0);
      assert.ok(part >= 2048 && part < 4096);
      assert.deepEqual([count, closing], [1, true]);
    }
    assert.deepEqual(ledger.books().dropped, {});
  });

  it("says complete of a merged pane only if it holds all its 10 s, and each was complete", () => {
    const { backlog } = backlogOf(3 * PART_BYTES);
    const seconds = [...Array(30).keys()];
    // The first 10 s are whole, of the second ones one pane missed something, of the third the last is yet to come.
    for (const index of seconds.slice(0, -1)) backlog.add([second(index, { complete: index !== 15 })]);
    const merged = partsOf(drain(backlog));
    assert.deepEqual(
      merged.map(({ startMs, lengthMs, complete }) => [startMs, lengthMs, complete]).slice(0, 2),
      [
        [0, 10_000, true],
        [10_000, 10_000, false],
      ],
    );
    for (const { startMs, lengthMs, complete } of merged.slice(2)) {
      assert.ok(startMs >= 20_000);
      assert.ok(lengthMs === 1000 || !complete);
    }
  });

  it("merges early parts with the closing part of their pane, and never a pane that is not whole", () => {
    const { backlog } = backlogOf(5 * PART_BYTES, 1);
    const early = second(1, { part: 0, closing: false });
    backlog.add([second(0), early, second(1, { part: 1, parts: 2 })]);
    // The early part of second 2 is sent: its closing part must go as it is.
    const whole = partsOf([...drain(backlog)]);
    assert.equal(whole.length, 3);
    backlog.add([second(2, { part: 0, closing: false })]);
    backlog.batch();
    backlog.confirm();
    backlog.add([second(2, { part: 1, parts: 2 })]);
    backlog.add([
      second(3, { part: 0, closing: false }),
      second(3, { part: 1, parts: 2 }),
      second(4),
      second(5),
      second(6),
    ]);
    const parts = partsOf(drain(backlog));
    assert.deepEqual(
      parts.map(({ startMs, lengthMs, parts: count }) => [startMs, lengthMs, count]),
      [
        [2000, 1000, 2],
        [0, 10_000, 1],
      ],
    );
    assert.equal(writesOf(parts), 6);
  });

  it("drops the oldest where nothing is left to merge, and counts it", () => {
    const { backlog, ledger } = backlogOf(3 * PART_BYTES);
    const agents = [...Array(8).keys()].map((index) => second(0, { agent: `agent-${index}` }));
    ledger.receive(8);
    for (const pane of agents) backlog.add([pane]);
    const left = partsOf(drain(backlog));
    assert.deepEqual(
      left.map(({ agent }) => agent),
      ["agent-5", "agent-6", "agent-7"],
    );
    assert.deepEqual(ledger.books().dropped, { "backlog-full": 5 });
  });

  it("keeps reports and facts beside panes, in bounded bytes", () => {
    const { backlog, ledger } = backlogOf(4000);
    for (let index = 0; index < 100; index++) backlog.add([makeReport({ atMs: index })]);
    assert.ok(backlog.bytes <= 4000);
    const last = drain(backlog).at(-1);
    assert.equal(last?.type === "report" && last.atMs, 99);
    assert.ok((ledger.books().dropped["backlog-full"] ?? 0) > 90);
  });

  it("never gives two parts one identity, and accounts for every message, whatever is sent when", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ early: fc.boolean(), target: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.constantFrom("try", "confirm") },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 2, max: 12 }), (steps, room) => {
        const { backlog, ledger } = backlogOf(room * PART_BYTES, 2 * PART_BYTES);
        const seconds = [0, 0];
        const delivered: Message[] = [];
        let received = 0;
        let kept = 0;
        const confirm = () => {
          delivered.push(...backlog.batch());
          kept += backlog.confirm();
        };
        for (const one of steps) {
          if (one === "try") backlog.batch();
          else if (one === "confirm") confirm();
          else {
            const fields = { target: `t${one.target}` };
            const index = seconds[one.target]!++;
            const pane = one.early
              ? [
                  second(index, { ...fields, part: 0, closing: false }),
                  second(index, { ...fields, part: 1, parts: 2 }),
                ]
              : [second(index, fields)];
            received += pane.length;
            for (const part of pane) backlog.add([part]);
          }
        }
        while (backlog.pending > 0) confirm();
        const dropped = ledger.books().dropped["backlog-full"] ?? 0;
        assert.equal(received, kept + dropped);
        const parts = partsOf(delivered);
        assert.equal(writesOf(parts), kept);
        assert.equal(new Set(parts.map(partIdentity)).size, parts.length);
        assert.equal(backlog.bytes, 0);
      }),
    );
  });
});

describe("a batch of which some was refused", () => {
  it("counts that by its reason, and the rest as arrived", () => {
    const { backlog, ledger } = backlogOf(1e6, 1e6);
    backlog.add([second(0), second(1), second(2)]);
    const [, bad] = backlog.batch();
    assert.ok(bad);
    assert.equal(backlog.confirm({ "too-large": new Set([bad]), unencodable: new Set() }), 2);
    assert.deepEqual(ledger.books().dropped, { "too-large": 1 });
    assert.equal(backlog.pending, 0);
  });
});
