import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keep } from "../../../src/model/key.ts";
import { PATTERN_CHARACTERS_MAX, patternOf } from "../../../src/model/pattern.ts";
import fc from "../../support/fast-check.ts";

function pattern(key: string): string {
  return patternOf(Buffer.from(key));
}

describe("the pattern of a key", () => {
  it("has {n} for digits, wherever they stand", () => {
    assert.equal(pattern("user:42"), "user:{n}");
    assert.equal(pattern("{user:42}:cart"), "{user:{n}}:cart");
    assert.equal(pattern("report/2026-11-23.csv"), "report/{n}-{n}-{n}.csv");
    assert.equal(pattern("item42_size7"), "item{n}_size{n}");
    assert.equal(pattern("12345678901234567890"), "{n}");
  });

  it("has {uuid} for a UUID in either case, and only where it stands alone", () => {
    assert.equal(pattern("order:550e8400-e29b-41d4-a716-446655440000:items"), "order:{uuid}:items");
    assert.equal(pattern("ORDER/550E8400-E29B-41D4-A716-446655440000"), "ORDER/{uuid}");
    assert.ok(!pattern("x550e8400-e29b-41d4-a716-446655440000").includes("{uuid}"));
  });

  it("has {hex} for eight and more hexadecimal characters with a digit", () => {
    assert.equal(pattern("session:5f4dcc3b5aa765d61d8327deb882cf99"), "session:{hex}");
    assert.equal(pattern("wallet:0x52908400098527886E0F7030069857D2E4169EE7"), "wallet:{hex}");
    assert.equal(pattern("deadbee1"), "{hex}");
    assert.equal(pattern("deadbeef"), "deadbeef");
    assert.equal(pattern("abc123"), "abc{n}");
  });

  it("has {id} for what looks random: ULID, KSUID, base62", () => {
    assert.equal(pattern("user:01ARZ3NDEKTSV4RRFFQ69G5FAV"), "user:{id}");
    assert.equal(pattern("user:2NyLYGq3sHRBZLTqbZkGFUNYaaa"), "user:{id}");
    assert.equal(pattern("video:dQw4w9WgXcQ"), "video:{id}");
    assert.equal(pattern("session:VsTGXRZjdHiBTmyTkQpLw"), "session:{id}");
  });

  it("keeps names that merely have digits or capitals", () => {
    assert.equal(pattern("cache:getUserAccountBalanceHistory"), "cache:getUserAccountBalanceHistory");
    assert.equal(pattern("iPhone12Pro"), "iPhone{n}Pro");
    assert.equal(pattern("order2024item5sku99"), "order{n}item{n}sku{n}");
    assert.equal(pattern("größe:1"), "größe:{n}");
    assert.equal(pattern("🔥:1"), "🔥:{n}");
  });

  it("is one printable line, also for bytes that are no UTF-8", () => {
    assert.equal(patternOf(Uint8Array.of(0x61, 0x3a, 0xff, 0x31, 0x0a)), "a:\\xff{n}\\n");
    assert.equal(pattern("a\u202eb\0"), "a\\u{202e}b\\u{0}");
    assert.equal(pattern(""), "");
  });

  it("is the same for keys that differ in their numbers only", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        assert.equal(pattern(`user:${a}:cart`), pattern(`user:${b}:cart`));
      }),
    );
  });

  it("is bounded, and marked where the key was cut", () => {
    const cut = patternOf(keep(Buffer.from(`user:${"x".repeat(2000)}`)));
    assert.equal(cut.length, PATTERN_CHARACTERS_MAX);
    assert.ok(cut.endsWith("~"));
    assert.equal(patternOf(keep(Buffer.from(`user:${"7".repeat(2000)}`))), "user:{n}~");
  });

  it("of any bytes is printable, bounded and found at once", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const result = patternOf(keep(bytes));
        assert.ok(result.length <= PATTERN_CHARACTERS_MAX);
        assert.doesNotMatch(result, /[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
    const startedMs = performance.now();
    for (const unit of ["a", "0", "a0", "-", "0a-", "A", "\u0080"]) pattern(unit.repeat(1024).slice(0, 1024));
    assert.ok(performance.now() - startedMs < 500);
  });
});
