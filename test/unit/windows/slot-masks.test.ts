import assert from "node:assert/strict";
import { test } from "node:test";
import { SlotMasks } from "../../../src/windows/slot-masks.ts";

test("a slot has what all, and what any, of those who cover it say", () => {
  const masks = new SlotMasks();
  assert.deepEqual([masks.all(7), masks.any(7)], [0xff, 0]);
  masks.add(0b0111, 0b0001, [[0, 9]]);
  masks.add(0b1101, 0b0010, [[5, 20]]);
  assert.deepEqual([masks.all(0), masks.any(0)], [0b0111, 0b0001]);
  assert.deepEqual([masks.all(9), masks.any(9)], [0b0101, 0b0011]);
  assert.deepEqual([masks.all(21), masks.any(21)], [0xff, 0]);
  masks.add(0b0110, 0b1000, null);
  assert.deepEqual([masks.all(9), masks.any(9)], [0b0100, 0b1011]);
  assert.deepEqual([masks.all(21), masks.any(21)], [0b0110, 0b1000]);
});
