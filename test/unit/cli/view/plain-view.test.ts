import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";
import { showLines } from "../../../../src/cli/view/plain-view.ts";
import type { Scene } from "../../../../src/cli/view/scene.ts";
import { waitFor } from "../../../support/wait.ts";
import { sceneWith, TEXTS } from "./scenes.ts";

/** Plain lines of what `answer` says. */
class Shown {
  reads = 0;
  written = "";
  answer: () => Promise<Scene> = async () => sceneWith({ atMs: Date.now() });

  constructor(t: TestContext) {
    const abort = new AbortController();
    const read = async () => {
      this.reads++;
      return await this.answer();
    };
    const write = (text: string) => {
      this.written += text;
    };
    const over = showLines({
      source: { read },
      texts: TEXTS,
      selection: ALL_KEYS,
      out: { write },
      signal: abort.signal,
    });
    t.after(async () => {
      abort.abort();
      await over;
    });
  }

  get summaries(): string[] {
    return this.written.split("\n").filter((line) => line.includes("top: "));
  }
}

test("numbers that are not new any more are told with their age, the reason once", async (t) => {
  const shown = new Shown(t);
  await waitFor("a summary", () => shown.summaries.length > 0);
  assert.match(shown.summaries[0] ?? "", /^11,021 accesses/);
  shown.answer = async () => {
    throw new Error("no answer from http://x");
  };
  await waitFor("a second summary without an answer", () => shown.summaries.length > 2);
  assert.match(shown.summaries.at(-1) ?? "", /^no answer, this is \d+s old \| 11,021 accesses/);
  assert.equal(shown.written.split("! no answer from http://x\n").length, 2);
});

test("after a long stop the summaries that were missed are not made up for", async (t) => {
  const shown = new Shown(t);
  await waitFor("it to read", () => shown.reads > 0);
  const now = performance.now.bind(performance);
  t.mock.method(performance, "now", () => now() + 3_600_000);
  const [before, startMs] = [shown.reads, performance.now()];
  await waitFor("eight more reads", () => shown.reads >= before + 8);
  const due = 2 + (performance.now() - startMs) / 2000;
  assert.ok(shown.summaries.length <= due, shown.written);
});
