import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerClaims } from "../../../src/sources/server-claims.ts";

test("a server belongs to the first target that claims it, until that one meets another server", () => {
  const claims = new ServerClaims();
  assert.equal(claims.claim("run-1", "a"), null);
  assert.equal(claims.claim("run-1", "b"), "a");
  assert.equal(claims.claim("run-1", "a"), null);
  assert.equal(claims.claim("run-2", "a"), null);
  assert.equal(claims.claim("run-1", "b"), null);
  assert.equal(claims.claim("run-1", "a"), "b");
});

test("a target that does not know its server holds none", () => {
  const claims = new ServerClaims();
  claims.claim("run-1", "a");
  assert.equal(claims.claim(null, "a"), null);
  assert.equal(claims.claim("run-1", "b"), null);
});
