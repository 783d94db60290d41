import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration } from "../../../src/model/duration-text.ts";

test("durations show their two largest units", () => {
  assert.deepEqual([-5, 999, 45_000, 185_000, 7_620_000].map(formatDuration), [
    "0s",
    "0s",
    "45s",
    "3m 05s",
    "2h 07m",
  ]);
});
