import assert from "node:assert/strict";
import { test } from "node:test";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import {
  compileMatchers,
  matchableOf,
  type SilenceMatchers,
  silenceState,
} from "../../../src/model/silence.ts";
import { incidentOf } from "../incidents/samples.ts";

const matches = (matchers: SilenceMatchers, changes = {}) =>
  compileMatchers(matchers)(matchableOf(incidentOf(changes)));

test("every matcher has to match, as a glob in Redis's notation", () => {
  assert.ok(matches({ key: "user:*" }));
  assert.ok(
    matches({ key: "user:[0-3]", cluster: "sh?p", rule: "hot-key", target: "127.*", severity: "warning" }),
  );
  assert.ok(!matches({ key: "user:*", cluster: "other" }));
  assert.ok(!matches({ key: "User:*" }), "as Redis does, it looks at the case");
  assert.ok(matches({ pattern: "user:{n}" }));
  assert.ok(!matches({ pattern: "cart:*" }));
  assert.ok(!matches({ severity: "warning" }, { severity: "critical" }));
});

test("of services one that matches is enough, now or earlier in the incident", () => {
  assert.ok(matches({ service: "check*" }, { services: { cart: 5, checkout: 1 } }));
  assert.ok(matches({ service: "checkout" }, { users: { checkout: 0.9 } }));
  assert.ok(!matches({ service: "checkout" }, { services: { cart: 5 } }));
  assert.ok(matches({ service: "*" }), "also where none is known");
});

test("an incident of a target as a whole has no key to match", () => {
  const ofTarget = { key: null, pattern: "" };
  assert.ok(matches({ rule: "hot-*" }, ofTarget));
  assert.ok(matches({ key: "*", target: "127.0.0.1:*" }, ofTarget));
  assert.ok(!matches({ key: "?*" }, ofTarget));
  assert.ok(!matches({ pattern: "**" }, ofTarget));
  assert.ok(!matches({ target: "127.*" }, { target: null }));
  assert.ok(matches({ target: "*" }, { target: null }));
});

test("redacted keys are matched by their label, keys of any bytes by their bytes", () => {
  const bytes = redactedKey({ slot: 7, identity: new Uint8Array(8).fill(1), label: "user:{n}" });
  const key = { cluster: "shop", db: 0, bytes };
  assert.ok(matches({ key: "user:{n}" }, { key }));
  assert.ok(!matches({ key: "user:1" }, { key }));
  const binary = { cluster: "shop", db: 0, bytes: Uint8Array.of(0x61, 0xff, 0x00) };
  assert.ok(matches({ key: "a??" }, { key: binary }));
});

test("a silence begins with its first and ends before its last millisecond", () => {
  const times = { startsAtMs: 1000, endsAtMs: 2000 };
  const silence = { id: "s", matchers: { key: "*" }, comment: "", createdBy: "", createdAtMs: 0, ...times };
  assert.deepEqual(
    [999, 1000, 1999, 2000].map((nowMs) => silenceState(silence, nowMs)),
    ["pending", "active", "active", "expired"],
  );
});
