import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../../src/config/load.ts";
import type { TargetConnection } from "../../../src/redis/target.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { ServerClaims } from "../../../src/sources/server-claims.ts";
import { TargetWatch, type WatchMessage } from "../../../src/sources/target-watch.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

/** Timers fire 1 ms before the wall clock gets there, and it gets there while their task runs. */
class EarlyTimers extends SimulatedClock {
  #looks = Number.NEGATIVE_INFINITY;

  override now(): number {
    this.#looks++;
    return super.now() + (this.#looks > 2 ? 1 : 0);
  }

  override after(delayMs: number, run: () => void): () => void {
    const isEarly = delayMs > 1;
    return super.after(isEarly ? delayMs - 1 : delayMs, () => {
      this.#looks = isEarly ? 0 : Number.NEGATIVE_INFINITY;
      run();
      this.#looks = Number.NEGATIVE_INFINITY;
    });
  }
}

const AWAY = {
  poll: () => Promise.reject(new Error("away")),
  problem: () => null,
} as unknown as TargetConnection;

test("a pane closes when its second is over, also where timers fire a moment early", async () => {
  const clock = new EarlyTimers(Date.UTC(2026, 10, 23, 17) + 350);
  const config = defaultConfig({});
  const [target] = config.targets;
  assert.ok(target);
  const reportedMs: number[] = [];
  const watch = new TargetWatch({
    agent: "agent-a",
    target,
    config,
    ignored: () => false,
    connection: AWAY,
    claims: new ServerClaims(),
    clock,
    logger: silentLogger,
    emit: (messages: readonly WatchMessage[]) => {
      for (const message of messages) if (message.type === "report") reportedMs.push(clock.now() % 10_000);
    },
  });
  await clock.pass(4000);
  await settle();
  assert.deepEqual(reportedMs, [1000, 2000, 3000, 4000]);
  await watch.stop();
});
