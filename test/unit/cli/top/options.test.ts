import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError } from "commander";
import { windowLengthMs } from "../../../../src/cli/top/options.ts";

test("a window is whole seconds up to a quarter of an hour", () => {
  assert.deepEqual(["1s", "10s", "1m", "15m"].map(windowLengthMs), [1000, 10_000, 60_000, 900_000]);
});

test("anything else is refused, with what is expected", () => {
  for (const text of ["", "10", "0s", "500ms", "1500ms", "16m", "1h", "soon"]) {
    assert.throws(
      () => windowLengthMs(text),
      (error) => error instanceof InvalidArgumentError && /whole seconds from 1s to 15m/.test(error.message),
      text,
    );
  }
});
