import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { LeaseTeller } from "../../src/lease-teller.ts";
import type { HotSet } from "../../src/model/hot-set.ts";

test("what it has written is no reason to write again, however many clusters there are", () => {
  let written = 0;
  const write = (hotSet: HotSet) => {
    written++;
    teller.read(hotSet);
  };
  const teller: LeaseTeller = new LeaseTeller({
    terms: defaultConfig({ redisUrls: [] }).hotSet,
    lookOf: () => ({ demands: [], complete: true }),
    authorityOf: (cluster) => ({ cluster, bucket: 0, term: 1, instance: "a" }),
    write,
  });
  const clusters = 2000;
  for (let i = 0; i < clusters; i++) teller.held(`cluster-${i}`, 0);
  for (let second = 1; second <= 10; second++) teller.tick(1000 * second);
  assert.equal(written, clusters);
});
