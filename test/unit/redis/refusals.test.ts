import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OwnReads } from "../../../src/redis/own-reads.ts";
import { Refusals } from "../../../src/redis/refusals.ts";

describe("refusals", () => {
  it("keep a refused command from being asked for a minute, for each try leaves a line in ACL LOG", () => {
    const refusals = new Refusals("keyheat");
    assert.equal(refusals.mayAsk("role", 0), true);
    refusals.refuse("role", "NOPERM no", 0);
    assert.equal(refusals.mayAsk("role", 59_999), false);
    assert.equal(refusals.mayAsk("info", 59_999), true);
    assert.equal(refusals.mayAsk("role", 60_000), true);
    assert.match(refusals.reasonOf("role") ?? "", /ACL SETUSER keyheat \+role/);
    refusals.allow("role");
    assert.deepEqual(refusals.reasons(), []);
  });
});

describe("own reads", () => {
  it("are taken off the server's count", () => {
    const own = new OwnReads();
    assert.equal(own.takeOff("a", 100), 100);
    own.add(3);
    assert.equal(own.takeOff("a", 110), 107);
    assert.equal(own.takeOff("a", 120), 117);
  });

  it("are forgotten when the server starts again or resets its statistics", () => {
    const own = new OwnReads();
    own.takeOff("a", 100);
    own.add(3);
    assert.equal(own.takeOff("b", 500), 500);
    own.add(4);
    assert.equal(own.takeOff("b", 10), 10);
  });
});
