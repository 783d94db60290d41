import assert from "node:assert/strict";
import { test } from "node:test";
import type { HotSet } from "../../../src/model/hot-set.ts";
import { HotSets } from "../../../src/ownership/hot-sets.ts";

function hotSet(cluster: string, term: number, ...keys: readonly string[]): HotSet {
  const leases = keys.map((key) => ({
    db: 0,
    key: Buffer.from(key),
    leaseUntilMs: 1,
    remedies: ["local-cache"],
    ratePerSecond: 5000,
  }));
  return { authority: { cluster, bucket: 0, term, instance: "one" }, version: 1, leases };
}

const shown = (hotSets: HotSets) =>
  hotSets.leases().map(({ cluster, key }) => `${cluster}/${Buffer.from(key).toString()}`);

test("each cluster has the hot set that its owner wrote last", () => {
  const hotSets = new HotSets();
  let changes = 0;
  const stop = hotSets.onChange(() => changes++);
  hotSets.put(hotSet("shop", 1, "a", "b"));
  hotSets.put(hotSet("blog", 1, "c"));
  hotSets.put(hotSet("shop", 2, "b"));
  assert.deepEqual(shown(hotSets), ["shop/b", "blog/c"]);
  stop();
  hotSets.put(hotSet("blog", 2));
  assert.deepEqual([shown(hotSets), changes], [["shop/b"], 3]);
});

test("what an owner of a lower term writes changes nothing", () => {
  const hotSets = new HotSets();
  hotSets.put(hotSet("shop", 2, "new"));
  hotSets.put(hotSet("shop", 1, "old"));
  assert.deepEqual(shown(hotSets), ["shop/new"]);
});
