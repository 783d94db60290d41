import assert from "node:assert/strict";
import { test } from "node:test";
import { Accumulator } from "../../../src/windows/accumulator.ts";
import { COLUMN_COUNT, EXCESS } from "../../../src/windows/columns.ts";
import type { StoredPart } from "../../../src/windows/stored-part.ts";
import fc from "../../support/fast-check.ts";

const HANDLES = 3;
const SLOT = 7;

interface Drawn {
  readonly isWhole: boolean;
  readonly probability: number;
  readonly watchedShare: number;
  readonly floor: number;
  readonly counts: readonly number[];
}

const share = fc.constantFrom(1, 0.5, 1 / 64, 0.7, 0.123, 1 / 3);
const drawn: fc.Arbitrary<Drawn> = fc.record({
  isWhole: fc.boolean(),
  probability: share,
  watchedShare: share,
  floor: fc.nat(1000),
  counts: fc.array(fc.nat(100_000), { minLength: HANDLES * COLUMN_COUNT, maxLength: HANDLES * COLUMN_COUNT }),
});

function storedPart({ probability, watchedShare, floor, counts }: Drawn): StoredPart {
  const columns = Array.from({ length: COLUMN_COUNT }, (_, column) => column);
  const values = columns.flatMap((column) =>
    counts
      .slice(column * HANDLES, (column + 1) * HANDLES)
      .map((count) => (column === EXCESS ? (count % (floor + 1)) - floor : count)),
  );
  const isSampled = probability < 1 || watchedShare < 1;
  return {
    length: HANDLES,
    data: Float64Array.from([...Array.from({ length: HANDLES }, (_, handle) => handle), ...values]),
    columns,
    floor,
    floorRanges: null,
    sampling: isSampled ? { probability, watchedShare, ranges: null } : null,
    load: 0,
    commands: null,
    clients: null,
    bytes: 0,
  };
}

function put(accumulator: Accumulator, part: Drawn, sign: number): void {
  if (part.isWhole) accumulator.addWhole(storedPart(part), sign);
  else accumulator.addPartial(storedPart(part), sign);
}

function sumsOf(accumulator: Accumulator) {
  return Array.from({ length: HANDLES }, (_, handle) => ({
    cells: Array.from({ length: COLUMN_COUNT }, (_, column) => accumulator.cells.get(handle, column)),
    slack: accumulator.slack(handle, SLOT),
    scaled: accumulator.scaled?.view(handle, SLOT) ?? null,
  }));
}

test("parts of any sampling that come and go leave no trace in the sums of those that stay", () => {
  fc.assert(
    fc.property(fc.array(drawn, { maxLength: 6 }), fc.array(drawn, { maxLength: 6 }), (passing, staying) => {
      const [moved, still] = [new Accumulator(), new Accumulator()];
      for (const part of [...passing, ...staying]) put(moved, part, 1);
      for (const part of passing.toReversed()) put(moved, part, -1);
      for (const part of staying.toReversed()) put(still, part, 1);
      assert.deepEqual(sumsOf(moved), sumsOf(still));
      for (const part of staying) put(moved, part, -1);
      assert.ok(moved.isZero());
    }),
    { numRuns: 100 },
  );
});

test("scaled counts are within 1/64 of an access a part of what they should be, and never too small above", () => {
  fc.assert(
    fc.property(fc.array(drawn, { minLength: 1, maxLength: 6 }), (parts) => {
      const accumulator = new Accumulator();
      for (const part of parts) put(accumulator, part, 1);
      const writes = parts.map(({ isWhole, counts }) => (isWhole ? counts[HANDLES]! : 0));
      const exact = parts.reduce(
        (sum, { probability, watchedShare }, index) => sum + writes[index]! / (probability * watchedShare),
        0,
      );
      const scaled = accumulator.cells.get(0, 1) + (accumulator.scaled?.extra(0, 1) ?? 0);
      assert.ok(Math.abs(scaled - exact) <= parts.length / 64 + 1e-6, `${scaled} for ${exact}`);
      const slack = accumulator.slack(0, SLOT) + (accumulator.scaled?.extraSlack(0, SLOT) ?? 0);
      const exactSlack = parts.reduce((sum, part) => sum + slackOf(part), 0);
      assert.ok(slack >= exactSlack - 1e-6, `${slack} for ${exactSlack}`);
    }),
    { numRuns: 100 },
  );
});

/** What a part adds to the doubt about the first key: maybes and errors, and of an overlapping one all its counts. */
function slackOf(part: Drawn): number {
  const [read, write, , maybe, excess] = Array.from(storedPart(part).columns, (column) =>
    column === EXCESS
      ? (part.counts[column * HANDLES]! % (part.floor + 1)) - part.floor
      : part.counts[column * HANDLES]!,
  ) as [number, number, number, number, number];
  const raw = maybe + excess + part.floor + (part.isWhole ? 0 : read + write);
  return raw / (part.probability * part.watchedShare);
}
