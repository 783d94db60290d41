import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../../../../src/panes/key-words.ts";
import { PaneRecorder } from "../../../../src/panes/recorder.ts";
import { EventTable } from "../../../../src/sources/keyspace/event-table.ts";
import { Tap } from "../../../../src/sources/keyspace/tap.ts";

function tapOf() {
  const table = new EventTable({ flavor: "redis", version: [7, 0] });
  const recorder = new PaneRecorder(
    {
      agent: "a",
      cluster: "c",
      target: "t",
      vantage: "server-events",
      lengthMs: 1000,
      capacity: 64,
      bytesMax: 512 * 1024,
      publishMax: 64,
      buckets: 12,
      maybeClasses: table.maybes,
      commandNames: table.names.slice(1),
      ignored: () => false,
    },
    { startMs: 0, epoch: 1, nowMs: 0 },
  );
  const tap = new Tap(table, recorder);
  const event = (name: string, text = "k") => {
    const key = Buffer.from(text);
    tap.event(0, table.codeOf(name), viewOf(key), 0, key.length);
  };
  const close = () => {
    const closing = tap.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
    const budgets = table.maybes.map(() => ({ ownMax: 0, derivedMax: Number.POSITIVE_INFINITY }));
    const verdict = {
      sees: ["write"],
      complete: true,
      writesInDoubt: false,
      slots: null,
      totals: null,
      budgets,
    } as const;
    return closing.publish(verdict)[0]?.entries ?? assert.fail();
  };
  return { tap, event, close };
}

test("the commands of a key are those that surely ran: the expire of a SET EX is none", () => {
  const { event, close } = tapOf();
  for (let i = 0; i < 5; i++) {
    event("set");
    event("expire");
  }
  event("incrby", "other");
  event("expire");
  const { commandIds, commandCounts, commandNames } = close();
  const commands = Array.from(commandIds.slice(0, 4), (id, i) => [commandNames[id - 1], commandCounts[i]]);
  assert.deepEqual(commands.slice(0, 2), [
    ["set", 5],
    ["expire", 1],
  ]);
});

test("an event of the same command that comes in the next pane is still known as derived", () => {
  const { event, close } = tapOf();
  event("lpop");
  close();
  event("del");
  assert.equal(close().length, 0, "nothing of its own is left of the del");
});

test("every event is in the books, and unknown names are counted under their own", () => {
  const { tap, event } = tapOf();
  for (const name of ["set", "expired", "evicted", "json.set"]) event(name);
  const { received, kept, dropped } = tap.books();
  assert.deepEqual([received, kept, dropped], [4, 2, { "no-access": 2, foreign: 0, "not-sampled": 0 }]);
});
