import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse, problemsOf } from "./problems-of.ts";

describe("YAML", () => {
  it("is refused with line and column", () => {
    assert.deepEqual(problemsOf("cluster: a\nrules: [1\n"), [
      "line 3, column 1: the indentation is wrong, or a bracket is not closed",
    ]);
    assert.deepEqual(problemsOf("a: 1\n---\nb: 2"), [
      "line 2, column 1: the file must hold a single document",
    ]);
    assert.match(problemsOf("a:\n\tb: 1")[0] ?? "", /^line 2, column 1: tabs/);
    assert.match(problemsOf("- a: b: hunter2")[0] ?? "", /^line 1, column \d+: a mapping cannot start here/);
  });

  it("has no key twice, in any notation", () => {
    assert.deepEqual(problemsOf("cluster: a\nhttp: {}\ncluster: b"), [
      'line 3, column 1: the key "cluster" stands here twice',
    ]);
    assert.deepEqual(problemsOf('{"log": {"level": "info", "level": "warn"}}'), [
      'line 1, column 27: the key "level" stands here twice',
    ]);
  });

  it("has no tags, and no keys but text", () => {
    assert.match(
      problemsOf("cluster: !!binary aGk=").join(),
      /line 1, column 19: YAML tags are not supported/,
    );
    assert.match(problemsOf("cluster: !x a").join(), /YAML tags are not supported/);
    assert.match(problemsOf("? [a]\n: b").join(), /a key must be text/);
  });

  it("may use anchors, but not to multiply", () => {
    assert.deepEqual(parse("ignore: [&a 'x:*', *a]").ignore, ["x:*", "x:*"]);
    let bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
    for (let level = 1; level < 9; level++) {
      bomb += `a${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(", ")}]\n`;
    }
    assert.match(problemsOf(bomb).join(), /too many values/);
    assert.match(problemsOf("a: &a [*a]").join(), /no anchor "a" stands before/);
    assert.match(problemsOf("a: *b").join(), /no anchor "b"/);
  });

  it("of any bounded size is refused soon", () => {
    const max = 256 * 1024;
    const keys = Array.from({ length: 30_000 }, (_, index) => `k${index}:\n`).join("");
    for (const text of ["[".repeat(max), "- ".repeat(max / 2), keys.slice(0, max)]) {
      const startedMs = performance.now();
      assert.notDeepEqual(problemsOf(text), []);
      assert.ok(performance.now() - startedMs < 10_000, text.slice(0, 10));
    }
    assert.deepEqual(problemsOf("#".repeat(max + 1)), ["config: is larger than 256 KiB"]);
  });

  it("must be a mapping", () => {
    assert.deepEqual(problemsOf("[]"), ["config: expected a mapping of keys to values, got a list"]);
    assert.deepEqual(problemsOf("hello"), ["config: expected a mapping of keys to values, got text"]);
  });
});
