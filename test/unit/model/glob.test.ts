import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileGlobs } from "../../../src/model/glob.ts";
import { keep } from "../../../src/model/key.ts";
import fc from "../../support/fast-check.ts";

function matches(glob: string, key: string | Uint8Array): boolean {
  return compileGlobs([glob])(typeof key === "string" ? Buffer.from(key) : key);
}

/** Redis's own recursion, over bytes, as directly as it can be written down; exponential, so for short inputs only. */
function reference(glob: readonly number[], key: readonly number[]): boolean {
  const [first, ...rest] = glob;
  const [byte] = key;
  if (first === undefined) return key.length === 0;
  if (first === 0x2a) return reference(rest, key) || (key.length > 0 && reference(glob, key.slice(1)));
  if (byte === undefined) return false;
  if (first === 0x3f) return reference(rest, key.slice(1));
  if (first === 0x5b) return referenceSet(rest, byte, key);
  if (first === 0x5c && rest.length > 0) return rest[0] === byte && reference(rest.slice(1), key.slice(1));
  return first === byte && reference(rest, key.slice(1));
}

function referenceSet(glob: readonly number[], byte: number, key: readonly number[]): boolean {
  const negated = glob[0] === 0x5e;
  let rest = negated ? glob.slice(1) : glob;
  let found = false;
  while (rest.length > 0 && rest[0] !== 0x5d) {
    const [a = 0, b, c = 0] = rest;
    if (a === 0x5c && rest.length >= 2) {
      found ||= b === byte;
      rest = rest.slice(2);
    } else if (rest.length >= 3 && b === 0x2d) {
      found ||= Math.min(a, c) <= byte && byte <= Math.max(a, c);
      rest = rest.slice(3);
    } else {
      found ||= a === byte;
      rest = rest.slice(1);
    }
  }
  return found !== negated && reference(rest.slice(1), key.slice(1));
}

describe("globs", () => {
  it("match as Redis matches them", () => {
    const cases: [glob: string, key: string, expected: boolean][] = [
      ["user:*", "user:1", true],
      ["user:*", "user:", true],
      ["user:*", "auser:1", false],
      ["*:cart", "a:b:cart", true],
      ["h?llo", "hello", true],
      ["h?llo", "hllo", false],
      ["h[ae]llo", "hallo", true],
      ["h[^e]llo", "hello", false],
      ["h[a-c]llo", "hbllo", true],
      ["h[c-a]llo", "hbllo", true],
      ["h\\*llo", "h*llo", true],
      ["h\\*llo", "hxllo", false],
      ["[\\]]", "]", true],
      ["[]", "a", false],
      ["[^]", "a", true],
      ["[ab", "b", true],
      ["a\\", "a\\", true],
      ["", "", true],
      ["", "a", false],
      ["*", "", true],
      ["?", "", false],
    ];
    for (const [glob, key, expected] of cases)
      assert.equal(matches(glob, key), expected, `${glob} on ${key}`);
  });

  it("work on bytes, so that ? is one byte and invalid UTF-8 is matched", () => {
    assert.equal(matches("?", "é"), false);
    assert.equal(matches("??", "é"), true);
    assert.equal(matches("é*", "été"), true);
    assert.equal(matches("a*", Uint8Array.of(0x61, 0xff)), true);
  });

  it("match if one of several does, and never if there is none", () => {
    const ignored = compileGlobs(["lock:*", "tmp:*"]);
    assert.equal(ignored(Buffer.from("tmp:1")), true);
    assert.equal(ignored(Buffer.from("user:1")), false);
    assert.equal(compileGlobs([])(Buffer.from("a")), false);
  });

  it("see a key of more than 1 KiB, kept or whole, by its first 1 KiB", () => {
    const long = Buffer.from(`user:${"x".repeat(2000)}`);
    for (const key of [long, keep(long)]) {
      assert.equal(matches("user:*", key), true);
      assert.equal(matches("*x", key), true);
    }
  });

  it("agree with Redis's recursion on any glob and key", () => {
    const alphabet = [..."abc*?[]^-\\*"].map((character) => character.charCodeAt(0));
    const bytes = fc.array(fc.constantFrom(...alphabet), { maxLength: 9 });
    fc.assert(
      fc.property(bytes, bytes, (glob, key) => {
        const text = String.fromCharCode(...glob);
        assert.equal(
          matches(text, Uint8Array.from(key)),
          reference(glob, key),
          `${text} on ${String.fromCharCode(...key)}`,
        );
      }),
      { numRuns: 5000 },
    );
  });

  it("take no exponential time", () => {
    const startedMs = performance.now();
    assert.equal(matches(`${"*a".repeat(300)}b`, "a".repeat(1024)), false);
    assert.ok(performance.now() - startedMs < 1000);
  });
});
