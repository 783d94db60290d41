import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { webhookBody } from "../../../src/notify/receivers/webhook-body.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import { routeTo, Scene } from "./scene.ts";

const PACE = { groupWait: 100, groupInterval: 30_000, burst: 5 };

function hotKeys(count: number) {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`sale:${n}`, "hot" as const]));
}

function keysOf(scene: Scene, receiver: string): string[] {
  return scene
    .told()
    .filter((told) => told.receiver === receiver)
    .flatMap(({ keys }) => keys);
}

describe("a storm of hot keys", () => {
  it("500 at once are one message for each receiver, with all keys", async () => {
    const scene = new Scene({ receivers: ["a", "b"], routes: [routeTo(["a", "b"], PACE)] });
    await scene.hops(60, hotKeys(500));
    for (const receiver of ["a", "b"]) {
      assert.equal(scene.toldAt("firing", receiver).length, 1);
      assert.equal(new Set(keysOf(scene, receiver)).size, 500);
    }
    assert.equal(unaccounted(scene.ledger.books()), 0);
  });

  it("500 within ten seconds are `burst` messages, then one a group interval, and every key is told once", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], PACE)] });
    for (let second = 0; second < 10; second++) {
      for (let n = 0; n < 50; n++) {
        scene.observe("hot", `sale:${second * 50 + n}`);
        await scene.clock.pass(20);
      }
    }
    await scene.hops(90, {});
    const times = scene.toldAt("firing");
    assert.equal(times.filter((second) => second < 10).length, PACE.burst);
    assert.ok(times.length <= PACE.burst + 3, `${times.length} messages`);
    const keys = keysOf(scene, "hook");
    assert.equal(keys.length, 500);
    assert.equal(new Set(keys).size, 500);
  });

  it("10,000 at once are one message that says how many more there are, in bounded memory", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], PACE)] });
    const before = process.memoryUsage().heapUsed;
    await scene.hops(2, hotKeys(10_000));
    const grownMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(grownMiB < 200, `the heap has grown by ${Math.round(grownMiB)} MiB`);
    assert.equal(scene.receiver().taken.length, 1);
    const { group } = scene.receiver().taken[0]!;
    assert.equal(group.incidents.length, 10_000);
    const body = webhookBody(group);
    assert.ok(body.length <= 256 * 1024, `${body.length} bytes`);
    const { data } = JSON.parse(body.toString());
    assert.equal(data.incidents.length + data.more, 10_000);
    assert.ok(data.more > 9000);
  });

  it("what is beyond the incidents that are kept is counted, not forgotten in silence", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], PACE)] });
    await scene.hops(1, hotKeys(10_500));
    assert.equal(scene.book.size, 10_000);
    assert.deepEqual(scene.incidentsLedger.books().dropped, { "active-full": 500 });
    assert.match(scene.book.problems(scene.clock.now())[0] ?? "", /10000 incidents are open/);
    await scene.clock.pass(120_000);
    assert.deepEqual(scene.book.problems(scene.clock.now()), []);
  });
});
