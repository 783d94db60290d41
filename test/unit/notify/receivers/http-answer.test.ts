import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureOf, isAccepted } from "../../../../src/notify/receivers/http-answer.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 17);

describe("an answer of a service", () => {
  it("is a success only with 2xx", () => {
    for (const status of [200, 201, 202, 204]) assert.equal(isAccepted(status), true);
    for (const status of [199, 300, 304, 404, 500]) assert.equal(isAccepted(status), false);
  });

  it("is worth a retry unless it is a 4xx that speaks of the message", () => {
    const isRetryable = (status: number) => failureOf(status, undefined, NOW_MS).retryable;
    for (const status of [301, 302, 307, 408, 425, 429, 500, 502, 503, 504])
      assert.equal(isRetryable(status), true, `${status}`);
    for (const status of [400, 401, 403, 404, 410, 413, 422])
      assert.equal(isRetryable(status), false, `${status}`);
  });

  it("tells a service that is gone and one that throttles from the others", () => {
    assert.equal(failureOf(410, undefined, NOW_MS).code, "GONE");
    assert.equal(failureOf(429, "7", NOW_MS).code, "THROTTLED");
    assert.equal(failureOf(429, "7", NOW_MS).retryAfterMs, 7000);
    assert.equal(failureOf(500, undefined, NOW_MS).code, "FAILED");
  });

  it("is named where it is a code, and kept out of what is logged where it may be anything", () => {
    const coded = failureOf(404, undefined, NOW_MS, "no_service");
    assert.equal(coded.message, "delivery failed: REJECTED (HTTP 404: no_service)");
    const echoed = failureOf(400, undefined, NOW_MS, "you sent Authorization: Basic c2VjcmV0");
    assert.equal(echoed.reason, "you sent Authorization: Basic c2VjcmV0");
    assert.doesNotMatch(echoed.message + JSON.stringify({ ...echoed }), /c2VjcmV0/);
  });
});
