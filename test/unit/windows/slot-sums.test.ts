import assert from "node:assert/strict";
import { test } from "node:test";
import { coversSlot, type SlotRange } from "../../../src/model/slot.ts";
import { SlotSums } from "../../../src/windows/slot-sums.ts";
import fc from "../../support/fast-check.ts";

const ranges = fc.option(
  fc.array(
    fc.tuple(fc.nat(16_383), fc.nat(16_383)).map(([a, b]): SlotRange => [Math.min(a, b), Math.max(a, b)]),
    { maxLength: 1 },
  ),
);

test("a slot has the floors of those who cover it, and what is taken off leaves nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1000), ranges), { maxLength: 8 }),
      fc.constantFrom(0, 1, 8191, 16_383),
      (floors, slot) => {
        const sums = new SlotSums();
        for (const [floor, covered] of floors) sums.add(floor, covered);
        const expected = floors.reduce(
          (sum, [floor, covered]) => sum + (coversSlot(covered, slot) ? floor : 0),
          0,
        );
        assert.equal(sums.at(slot), expected);
        for (const [floor, covered] of floors) sums.add(-floor, covered);
        assert.equal(sums.at(slot), 0);
        assert.ok(sums.isZero());
      },
    ),
  );
});
