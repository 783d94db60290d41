import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId } from "../../../src/model/key.ts";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import { slotOf } from "../../../src/model/slot.ts";
import { KeyHasher, viewOf } from "../../../src/panes/key-words.ts";
import { ByteBudget } from "../../../src/runtime/byte-budget.ts";
import { KeyTable } from "../../../src/windows/key-table.ts";
import fc from "../../support/fast-check.ts";

function makeTable() {
  const budget = new ByteBudget(2 ** 24);
  return { budget, table: new KeyTable(budget, new KeyHasher()) };
}

function find(table: KeyTable, db: number, key: Uint8Array): number {
  const view = viewOf(key);
  return table.find(table.hash(db, view, 0, key.length), db, view, 0, key.length);
}

function enter(table: KeyTable, db: number, key: Uint8Array): number {
  const known = find(table, db, key);
  const handle =
    known >= 0 ? known : table.intern(table.hash(db, viewOf(key), 0, key.length), db, key, 0, key.length);
  table.hold(handle);
  return handle;
}

test("the table holds what a map of counted references would hold", () => {
  const step = fc.record({ key: fc.uint8Array({ maxLength: 3, max: 3 }), db: fc.nat(1), hold: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { table, budget } = makeTable();
      const model = new Map<string, { handle: number; holders: number }>();
      for (const { key, db, hold } of steps) {
        const id = keyId(db, key);
        const known = model.get(id);
        if (hold) {
          const handle = enter(table, db, key);
          if (known) assert.equal(handle, known.handle);
          model.set(id, { handle, holders: (known?.holders ?? 0) + 1 });
        } else if (known) {
          assert.equal(table.release(known.handle), known.holders === 1);
          if (known.holders === 1) model.delete(id);
          else model.set(id, { ...known, holders: known.holders - 1 });
        }
        assert.equal(find(table, db, key), model.get(id)?.handle ?? -1);
      }
      assert.equal(table.size, model.size);
      assert.equal(new Set(Array.from(model.values(), ({ handle }) => handle)).size, model.size);
      for (const [id, { handle }] of model) assert.equal(keyId(table.db(handle), table.key(handle)), id);
      if (model.size === 0) assert.equal(budget.used, 0);
    }),
  );
});

test("keys outlive growth of the table and of the key bytes, among others that come and go", () => {
  const { table, budget } = makeTable();
  const key = (i: number) => Buffer.from(`session:${i}:${"x".repeat(i % 200)}`);
  const handles: number[] = [];
  for (let i = 0; i < 5000; i++) {
    handles.push(enter(table, 0, key(i)));
    if (i >= 500 && i % 10 !== 0) table.release(handles[i - 500]!);
  }
  for (let i = 4500; i < 5000; i++) {
    assert.equal(find(table, 0, key(i)), handles[i]);
    assert.deepEqual(Buffer.from(table.key(handles[i]!)), key(i));
    assert.equal(table.slot(handles[i]!), slotOf(key(i)));
  }
  assert.ok(table.handleEnd < 1100, "freed handles are given again");
  assert.equal(find(table, 0, key(11)), -1);
  assert.ok(budget.used > 0);
});

test("keys are ordered by database, then byte by byte", () => {
  const { table } = makeTable();
  const texts: [number, string][] = [
    [0, ""],
    [0, "a"],
    [0, "aa"],
    [0, "b"],
    [1, ""],
  ];
  const handles = texts.map(([db, text]) => enter(table, db, Buffer.from(text)));
  assert.deepEqual(
    handles.toReversed().sort((a, b) => table.compare(a, b)),
    handles,
  );
});

test("a redacted key has the slot that it carries, and keys of one label are kept apart", () => {
  const { table } = makeTable();
  const handles = [1, 2].map((digit) => {
    const identity = new Uint8Array(8).fill(digit);
    return enter(table, 0, redactedKey({ slot: 10_000 + digit, identity, label: "user:{n}" }));
  });
  assert.notEqual(handles[0], handles[1]);
  assert.deepEqual(
    handles.map((handle) => table.slot(handle)),
    [10_001, 10_002],
  );
});
