import assert from "node:assert/strict";
import { test } from "node:test";
import { routeTo, Scene } from "./scene.ts";

const RECEIVERS = ["hangs", "one", "two"];
const PACE = { groupWait: 100, groupInterval: 1000, burst: 50 };
const KEYS = 150;

/** Delays from onset to delivery at the other receivers, in ms, smallest first; a key turns hot every 2 s, for 5 minutes. */
async function delays(isHanging: boolean): Promise<number[]> {
  const scene = new Scene({ receivers: RECEIVERS, routes: [routeTo(RECEIVERS, PACE)] });
  if (isHanging) scene.receiver("hangs").answer = () => "hang";
  const onsets = new Map<string, number>();
  for (let n = 0; n < KEYS; n++) {
    onsets.set(`sale:${n}`, scene.clock.now());
    scene.observe("hot", `sale:${n}`);
    await scene.clock.pass(2000);
  }
  await scene.hops(2, {});
  if (isHanging) assert.equal(scene.receiver("hangs").taken.length, 0);
  return ["one", "two"]
    .flatMap((name) => scene.receiver(name).taken)
    .flatMap(({ atMs, group }) =>
      group.incidents.map(({ key }) => atMs - (onsets.get(Buffer.from(key?.bytes ?? "").toString()) ?? 0)),
    )
    .sort((a, b) => a - b);
}

test("a receiver that hangs for five minutes leaves the others' delays as they are, p99 and all", async () => {
  const quiet = await delays(false);
  const hanging = await delays(true);
  assert.equal(quiet.length, 2 * KEYS);
  assert.deepEqual(hanging, quiet);
  const p99 = hanging[Math.floor(hanging.length * 0.99)];
  assert.equal(p99, PACE.groupWait);
});
