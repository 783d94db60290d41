import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRetryAfter } from "../../../src/runtime/retry-after.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 17);

describe("Retry-After", () => {
  it("is a number of seconds or a date", () => {
    assert.equal(parseRetryAfter("120", NOW_MS), 120_000);
    assert.equal(parseRetryAfter(" 0 ", NOW_MS), 0);
    assert.equal(parseRetryAfter("Mon, 23 Nov 2026 17:02:00 GMT", NOW_MS), 120_000);
    assert.equal(parseRetryAfter("Monday, 23-Nov-26 17:02:00 GMT", NOW_MS), 120_000);
    assert.equal(parseRetryAfter("Mon Nov 23 17:02:00 2026", NOW_MS), 120_000);
    assert.equal(parseRetryAfter("Mon, 23 Nov 2026 16:00:00 GMT", NOW_MS), 0);
  });

  it("is nothing where it is neither", () => {
    for (const header of [undefined, "", "soon", "-1", "1.5", "Mon, 99 Nov"])
      assert.equal(parseRetryAfter(header, NOW_MS), null);
  });
});
