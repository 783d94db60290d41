import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { hasConsent } from "../../../../src/cli/scan/consent.ts";
import { ConfigError } from "../../../../src/config/problem.ts";

interface Asked {
  readonly isYes: Promise<boolean>;
  readonly shown: () => string;
  readonly stop: AbortController;
  readonly input: PassThrough;
}

/** Asks at a terminal where `typed` is typed. */
function asked(typed: string | null): Asked {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const stop = new AbortController();
  let shown = "";
  const out = { write: (text: string) => (shown += text) };
  const io = { out, err: out, env: {}, signal: stop.signal };
  const isYes = hasConsent("It costs.", input, io);
  if (typed !== null) input.write(typed);
  return { isYes, shown: () => shown, stop, input };
}

describe("asking before MONITOR begins", () => {
  it("takes y and yes for a yes, in any case", async () => {
    for (const typed of ["y\n", "YES\n", " Yes \n"]) assert.equal(await asked(typed).isYes, true, typed);
  });

  it("takes anything else for a no", async () => {
    for (const typed of ["\n", "n\n", "yeah\n", "no y\n"])
      assert.equal(await asked(typed).isYes, false, typed);
  });

  it("takes Ctrl-C for a no", async () => {
    const { isYes, stop } = asked(null);
    stop.abort();
    assert.equal(await isYes, false);
  });

  it("takes the end of the input, as Ctrl-D makes it, for a no", async () => {
    const { isYes, input } = asked(null);
    input.end();
    assert.equal(await isYes, false);
  });

  it("says what it costs before it waits", async () => {
    const { isYes, shown } = asked("y\n");
    await isYes;
    assert.equal(shown(), "It costs.\nBegin? [y/N] ");
  });

  it("refuses where nobody sits at the terminal", async () => {
    const io = { out: process.stdout, err: process.stderr, env: {}, signal: new AbortController().signal };
    await assert.rejects(hasConsent("It costs.", new PassThrough(), io), (err: unknown) => {
      assert.ok(err instanceof ConfigError);
      assert.match(err.message, /--yes: .*add --yes.*It costs/s);
      return true;
    });
  });
});
