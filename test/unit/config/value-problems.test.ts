import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { problemsOf } from "./problems-of.ts";

describe("a problem of a value", () => {
  it("says what was expected and what stands there", () => {
    assert.deepEqual(
      problemsOf({
        panes: { length: "1h", keys: 1.5, bytes: 4_194_304 },
        http: "127.0.0.1:9380",
        windows: [],
        rules: [{ name: "a b", kind: "wirte", minShare: 2, for: null, resolveBelow: 0 }],
        targets: ["redis://u:hunter2@a", { cluster: "x" }],
        sources: { keyspace: { enabled: "yes" } },
        ignore: "lock:*",
      }),
      [
        "targets[0]: expected a mapping of keys to values, got text",
        "targets[1].url: is missing: expected a URL such as redis://10.0.0.1:6379",
        'sources.keyspace.enabled: expected true or false, got "yes"',
        'panes.length: expected a duration from 100ms to 10s, in whole milliseconds, got "1h"',
        "panes.keys: expected a whole number from 16 to 1048576, got 1.5",
        "panes.bytes: expected a size such as 4MiB, got 4194304",
        "ignore: expected a list, got text",
        "http: expected a mapping of keys to values, got text",
        "windows: expected a list of at least 1",
        'rules[0].name: expected a name of letters, digits, dots, colons, - and _, got "a b"',
        "rules[0].type: is missing: expected one of rate, share, surge, misses, bandwidth, skew, blind",
        'rules[0].kind: expected one of total, read, write, miss, got "wirte"',
        "rules[0].minShare: expected a number from 0 to 1, got 2",
        "rules[0].for: expected a duration, got nothing (such as 10s)",
        "rules[0].resolveBelow: expected a number above 0, at most 1, got 0",
      ],
    );
  });

  it("never shows a secret, nor takes a number for one", () => {
    assert.deepEqual(problemsOf({ targets: [{ url: "redis://a", password: 12_345 }] }), [
      "targets[0].password: expected text (put it in quotes), got a number",
    ]);
    assert.deepEqual(problemsOf({ targets: [{ url: "redis://a", password: "" }] }), [
      "targets[0].password: expected text, not empty",
    ]);
    assert.ok(!problemsOf({ cluster: "redis://u:hunter2@a" }).join().includes("hunter2"));
  });

  it("is printed on one line, whatever stands there", () => {
    const [problem] = problemsOf({ grace: `a\u001b[2J\n\u202e${"x".repeat(100)}` });
    assert.match(problem ?? "", /^grace: .*got "a\\u001b\[2J\\n\\u\{202e\}x+\.\.\." \(such as 10s\)$/);
  });
});

describe("an unknown key", () => {
  it("is named with its path and the nearest known one", () => {
    assert.deepEqual(
      problemsOf({
        rules: [{ name: "a", type: "rate", treshold: "1/s", keep_firing_for: "1s" }],
        Cluster: "a",
      }),
      [
        'rules[0].treshold: unknown key, did you mean "threshold"?',
        'rules[0].keep_firing_for: unknown key, did you mean "keepFiringFor"?',
        'Cluster: unknown key, did you mean "cluster"?',
      ],
    );
  });

  it("that is like none is named with those known there", () => {
    assert.deepEqual(problemsOf({ log: { zzz: 1 } }), ["log.zzz: unknown key, known here: level"]);
    assert.deepEqual(problemsOf('{"__proto__": {"cluster": "a"}}').length, 1);
    assert.deepEqual(problemsOf({ log: { "a b": 1 } }), ['log["a b"]: unknown key, known here: level']);
  });

  it("that a later version will know says so", () => {
    const problems = problemsOf({
      sources: { traces: { enabled: true }, capture: { interface: "any" } },
    });
    assert.deepEqual(problems.map((problem) => problem.split(": ")[0]).sort(), [
      "sources.capture",
      "sources.traces",
    ]);
    assert.ok(
      problems.every((problem) => problem.endsWith("is not supported by this version of Keyheat yet")),
    );
  });
});
