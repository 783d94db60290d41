import assert from "node:assert/strict";
import { test } from "node:test";
import { CommitMarks } from "../../../src/windows/commit-marks.ts";
import fc from "../../support/fast-check.ts";

test("before anything was noted there is nothing to commit", () => {
  assert.equal(new CommitMarks().offset(1000), null);
});

test("where nothing is covered any more, reading goes on behind the last record", () => {
  const marks = new CommitMarks();
  for (let offset = 7; offset < 20; offset++) marks.note(offset, 1000);
  assert.equal(marks.offset(1000), 20);
});

test("a record that is still covered is read again, though later ones are not needed", () => {
  const marks = new CommitMarks();
  for (let offset = 0; offset < 1000; offset++) marks.note(offset, offset === 130 ? 9000 : 1000);
  const offset = marks.offset(5000);
  assert.ok(offset !== null && offset <= 130 && offset > 130 - 64, `${offset}`);
});

test("no record that is needed lies before the offset, and few that are not lie behind it", () => {
  const records = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 500 });
  fc.assert(
    fc.property(records, fc.array(fc.nat(100), { maxLength: 5 }), (ends, asked) => {
      const marks = new CommitMarks();
      for (const [offset, endMs] of ends.entries()) marks.note(offset, endMs);
      for (const coveredFromMs of asked.toSorted((a, b) => a - b)) {
        const offset = marks.offset(coveredFromMs)!;
        const first = ends.findIndex((endMs) => endMs > coveredFromMs);
        const needed = first === -1 ? ends.length : first;
        assert.ok(offset <= needed && offset > needed - 64, `${offset} for ${needed}`);
      }
    }),
  );
});
