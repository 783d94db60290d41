import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProgressBar, progressText } from "../../../../src/cli/scan/progress-bar.ts";

class Output {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = "";

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

describe("what a scan says of its progress", () => {
  test("is how many of how many, and how long it will take", () => {
    const text = progressText({ done: 12_000, total: 48_000, unit: "keys" }, 30_000);
    assert.equal(text, "12,000 of 48,000 keys (25%), 1m 30s left");
  });

  test("is no forecast in the first second", () => {
    assert.equal(progressText({ done: 10, total: 100, unit: "servers" }, 500), "10 of 100 servers (10%)");
  });

  test("is time where time is what it takes", () => {
    assert.equal(progressText({ done: 5000, total: 10_000, unit: "ms" }, 5000), "5s of 10s (50%)");
  });

  test("never goes past the end where keys were added in the meantime", () => {
    assert.equal(progressText({ done: 11, total: 10, unit: "keys" }, 5000), "11 of 10 keys (100%), 0s left");
  });

  test("is nothing but a beginning where there is nothing to do", () => {
    assert.equal(progressText({ done: 0, total: 0, unit: "keys" }, 5000), "0 of 0 keys (0%)");
  });
});

describe("the bar of a scan", () => {
  test("is drawn over itself in a terminal, at most ten times a second, and leaves nothing behind", () => {
    const out = new Output(true);
    let nowMs = 0;
    const bar = new ProgressBar(out, () => nowMs);
    for (nowMs = 0; nowMs <= 1000; nowMs += 10) bar.update({ done: nowMs, total: 2000, unit: "keys" });
    assert.equal(out.text.split("\r").length - 1, 10);
    assert.ok(!out.text.includes("\n"));
    bar.clear();
    assert.ok(out.text.endsWith("\r\u001b[K"));
  });

  test("is a line every 5 s elsewhere, without any control character", () => {
    const out = new Output(false);
    let nowMs = 0;
    const bar = new ProgressBar(out, () => nowMs);
    for (nowMs = 0; nowMs <= 12_000; nowMs += 100) bar.update({ done: nowMs, total: 20_000, unit: "keys" });
    bar.clear();
    assert.deepEqual(out.text.split("\n"), [
      "keyheat: 5,000 of 20,000 keys (25%), 15s left",
      "keyheat: 10,000 of 20,000 keys (50%), 10s left",
      "",
    ]);
  });
});
