import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keep } from "../../../src/model/key.ts";
import { patternOf } from "../../../src/model/pattern.ts";
import { redactedLabelOf } from "../../../src/sources/redacted-label.ts";
import fc from "../../support/fast-check.ts";

function template(key: string | Uint8Array): string {
  return redactedLabelOf(Buffer.from(key), "template");
}

function hash(key: string | Uint8Array): string {
  return redactedLabelOf(Buffer.from(key), "hash");
}

describe("the label in mode template", () => {
  it("is the whole pattern", () => {
    assert.equal(template("user:42:profile"), "user:{n}:profile");
    assert.equal(template("größe:1"), "größe:{n}");
    const long = keep(Buffer.from(`user:${"x".repeat(2000)}`));
    assert.equal(redactedLabelOf(long, "template"), patternOf(long));
  });

  it("tells no bytes: from the segment on that has some it has {bytes}", () => {
    assert.equal(template(Buffer.from([...Buffer.from("session:7:"), 0, 0, 1, 0x2a])), "session:{n}:{bytes}");
    assert.equal(template(Buffer.from([...Buffer.from("user:ab"), 0xff, 0x62])), "user:{bytes}");
    assert.equal(template("user:a\u202eb"), "user:{bytes}");
    assert.equal(template(Uint8Array.of(0x8f, 0x41, 0x42)), "{bytes}");
  });

  it("is the same for keys that differ in what varies", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        const labels = [one, other].map((id) =>
          template(Buffer.concat([Buffer.from("s:\xff", "latin1"), id])),
        );
        assert.equal(labels[0], labels[1]);
      }),
    );
  });
});

describe("the label in mode hash", () => {
  it("is the first segment of the pattern, with what ends it", () => {
    assert.equal(hash("user:42:profile"), "user:");
    assert.equal(hash("user42/alice"), "user{n}/");
    assert.equal(hash("cache.alice"), "cache.");
    assert.equal(hash("a|b"), "a|");
    assert.equal(hash("sale-alice"), "sale-");
    assert.equal(hash("sale_alice"), "sale_");
    assert.equal(hash("{user42}:cart"), "{user{n}}:");
    assert.equal(hash(Buffer.from([...Buffer.from("session:"), 0xff])), "session:");
  });

  it("is the placeholder alone where the first segment varies", () => {
    assert.equal(hash("42:cart"), "{n}");
    assert.equal(hash("42"), "{n}");
    assert.equal(hash("550e8400-e29b-41d4-a716-446655440000:items"), "{uuid}");
    assert.equal(hash("5f4dcc3b5aa765d61d8327deb882cf99"), "{hex}");
    assert.equal(hash(Uint8Array.of(0xff)), "{bytes}");
  });

  it("tells nothing of a key that has but one segment, or does not begin with a word", () => {
    for (const key of ["alice", "", "alice@example.org", "größe:1", "mary jane:cart", ":alice:", "🔥:1"]) {
      assert.equal(hash(key), "{key}", key);
    }
  });

  it("is found at once, whatever the key", () => {
    const startedMs = performance.now();
    for (const unit of ["a", "{", "{n}", "a{", "-", "1", "\0", "é"]) hash(unit.repeat(1024).slice(0, 1000));
    assert.ok(performance.now() - startedMs < 500);
  });
});
