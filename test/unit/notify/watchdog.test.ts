import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { Watchdog } from "../../../src/notify/watchdog.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { waitFor } from "../../support/wait.ts";
import { type Answerer, startWebhook, type TestWebhook } from "../../support/webhook.ts";

const EVERY_MS = 60_000;

interface Scene {
  readonly clock: SimulatedClock;
  readonly service: TestWebhook;
  readonly watchdog: Watchdog;
  readonly logged: string[];
  isWell: boolean;
}

async function sceneOf(t: Parameters<typeof startWebhook>[0], answer?: Answerer): Promise<Scene> {
  const clock = new SimulatedClock();
  const service = await startWebhook(t, answer);
  const logged: string[] = [];
  const logger = pino({}, { write: (line) => logged.push(JSON.parse(line).msg) });
  const scene: Scene = {
    clock,
    service,
    logged,
    isWell: true,
    watchdog: new Watchdog({
      url: service.url,
      everyMs: EVERY_MS,
      isWell: () => scene.isWell,
      clock,
      logger,
    }),
  };
  t?.after(() => scene.watchdog.close());
  scene.watchdog.start();
  return scene;
}

/** Lets a call come to its end. */
async function called({ clock, watchdog }: Scene, calls: number): Promise<void> {
  const { calls: made } = watchdog;
  await waitFor("the call to end", () => made.delivered + made.failed === calls);
  await clock.pass(0);
}

test("the watchdog is called at once, and then each minute while all is well", async (t) => {
  const scene = await sceneOf(t);
  await scene.clock.pass(0);
  await called(scene, 1);
  await scene.clock.pass(EVERY_MS - 1);
  assert.equal(scene.service.requests.length, 1);
  await scene.clock.pass(1);
  await called(scene, 2);
  assert.deepEqual(
    scene.service.requests.map(({ method, path }) => [method, path]),
    [
      ["GET", "/hook"],
      ["GET", "/hook"],
    ],
  );
  assert.deepEqual([scene.watchdog.calls, scene.watchdog.problems()], [{ delivered: 2, failed: 0 }, []]);
});

test("it is not called while something is wrong, and soon after that is over", async (t) => {
  const scene = await sceneOf(t);
  scene.isWell = false;
  await scene.clock.pass(10 * EVERY_MS);
  assert.equal(scene.service.requests.length, 0);
  scene.isWell = true;
  await scene.clock.pass(1000);
  await called(scene, 1);
});

test("failures are counted and logged once, until a call is taken again", async (t) => {
  let status = 503;
  const scene = await sceneOf(t, () => ({ status }));
  for (let call = 1; call <= 3; call++) {
    await scene.clock.pass(call === 1 ? 0 : EVERY_MS);
    await called(scene, call);
  }
  assert.deepEqual(scene.watchdog.problems(), [
    "watchdog: its call failed 3 times in a row: delivery failed: THROTTLED (HTTP 503)",
  ]);
  status = 200;
  await scene.clock.pass(EVERY_MS);
  await called(scene, 4);
  assert.deepEqual(scene.watchdog.problems(), []);
  assert.deepEqual(scene.logged, ["watchdog cannot be called: it will page", "watchdog can be called again"]);
});

test("a call that hangs is given up, and no other begins meanwhile", async (t) => {
  const scene = await sceneOf(t, () => "hang");
  await scene.clock.pass(0);
  await scene.service.received(1);
  await scene.clock.pass(9999);
  assert.equal(scene.service.requests.length, 1);
  await scene.clock.pass(1);
  await waitFor("the call to be given up", () => scene.watchdog.problems().length === 1);
  await scene.watchdog.close();
  assert.equal(scene.clock.waiting, 0);
});

test("it calls no address that nothing is ever sent to", async (t) => {
  const clock = new SimulatedClock();
  const watchdog = new Watchdog({
    url: "http://169.254.169.254/latest",
    everyMs: EVERY_MS,
    isWell: () => true,
    clock,
    logger: silentLogger,
  });
  t.after(() => watchdog.close());
  watchdog.start();
  await clock.pass(0);
  await waitFor("the refusal", () => watchdog.problems().length === 1);
  assert.match(watchdog.problems()[0] ?? "", /FORBIDDEN_ADDRESS/);
});
