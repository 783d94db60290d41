import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { encodeCommand } from "../../src/redis/resp.ts";
import { startRedis, waitFor } from "../support/redis.ts";
import { watchTarget } from "../support/watch.ts";

const BEAT_MS = 5;
const SETS_PER_BEAT = 200;
const PER_SECOND = (SETS_PER_BEAT * 1000) / BEAT_MS;

/** 40,000 SETs a second of one key; the returned function ends it. */
async function steadyLoad(t: TestContext, port: number): Promise<() => number> {
  const socket = connect({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  socket.resume();
  const batch = Buffer.from(encodeCommand(["SET", "hot", "v"]).toString().repeat(SETS_PER_BEAT));
  const startMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    // What a late timer has left out is made up for.
    for (const due = (performance.now() - startMs) / BEAT_MS; sent < due; sent++) socket.write(batch);
  }, BEAT_MS);
  const stop = () => {
    clearInterval(timer);
    socket.destroy();
    return sent * SETS_PER_BEAT;
  };
  t.after(stop);
  return stop;
}

describe("a tap that gives way", () => {
  it("relieves a saturated server in a declared manner, keeps its connection, and comes back", async (t) => {
    const server = await startRedis(t);
    const { watch, up, parts } = watchTarget(t, server.url, { yieldAt: 0.03 });
    await up();
    const stop = await steadyLoad(t, server.port);
    const isRelieved = () => watch.source.status().probability < 1;
    await waitFor("the tap to give way", isRelieved, 30_000);
    assert.match(watch.source.status().reason ?? "", /of the time is watched.*yieldAt/);
    const partly = () => parts.filter((part) => part.closing && part.watchedShare < 1);
    await waitFor("some panes that were watched in part", () => partly().length >= 9, 30_000);
    stop();
    // The first and the last of them hold the change; one of which nothing was read in time is made up for by the next.
    const steady = partly()
      .slice(1, 8)
      .filter(({ watchedShare }) => watchedShare < 0.9);
    assert.ok(steady.length >= 4, `${steady.length} panes`);
    for (const { complete, probability, watchedShare } of steady) {
      assert.equal(complete, true, "it is no gap");
      assert.equal(probability, 1);
      assert.ok(watchedShare >= 1 / 32 && watchedShare <= 0.75, `${watchedShare}`);
    }
    // With what left early of a pane while the key was steep.
    const countedIn = (startMs: number) =>
      parts.reduce((sum, part) => (part.startMs === startMs ? sum + part.total.write : sum), 0);
    const counted = steady.reduce((sum, { startMs }) => sum + countedIn(startMs), 0);
    const watched = steady.reduce((sum, { watchedShare }) => sum + watchedShare, 0);
    const perSecond = counted / watched;
    const shares = steady.map(
      ({ startMs, watchedShare }) => `${countedIn(startMs)} in ${watchedShare.toFixed(3)}`,
    );
    assert.ok(Math.abs(perSecond - PER_SECOND) < 0.3 * PER_SECOND, `${perSecond}: ${shares.join(", ")}`);
    assert.equal(watch.source.gaps.total, 0);
    await waitFor("everything to be watched again", () => !isRelieved(), 40_000);
    assert.equal(watch.source.status().state, "up");
    assert.equal(watch.source.gaps.total, 0);
  });
});
