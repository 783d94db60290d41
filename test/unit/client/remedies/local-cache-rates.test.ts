import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadRates } from "../../../../src/client/remedies/read-rates.ts";

test("a key's rate is that of the open second and the rest of the one before", () => {
  const rates = new ReadRates();
  assert.equal(rates.count("a", 5000), 1);
  assert.equal(rates.count("a", 5500), 2);
  for (let i = 0; i < 98; i++) rates.count("a", 5999);
  assert.equal(rates.count("a", 6000), 101);
  assert.equal(rates.count("a", 6750), 27);
  assert.deepEqual([...rates.rates(6750)], [["a", 27]]);
  assert.deepEqual([...rates.rates(7500)], [["a", 1]]);
  assert.deepEqual([...rates.rates(9000)], []);
  assert.equal(rates.count("a", 9100), 1);
});

test("of more keys than are counted one by one, none is told too high, nor lower by more than its bound", () => {
  const rates = new ReadRates();
  const hotReads = 400;
  const coldKeys = 100_000;
  let told = 0;
  for (let i = 0; i < coldKeys; i++) {
    rates.count(`cold:${i}`, 100 + i / 1000);
    if (i % (coldKeys / hotReads) === 0) told = rates.count("hot", 100 + i / 1000);
  }
  assert.ok(told <= hotReads, `${told}`);
  assert.ok(told >= hotReads - (hotReads + coldKeys) / 4097, `${told}`);
  const kept = [...rates.rates(200)];
  assert.ok(kept.length <= 4096, `${kept.length}`);
});

test("rates of long keys take no more room than the characters allow", () => {
  const rates = new ReadRates();
  for (let i = 0; i < 100; i++) rates.count(String(i).padStart(60_000, "x"), 100);
  const characters = [...rates.rates(100)].reduce((sum, [id]) => sum + id.length, 0);
  assert.ok(characters > 0 && characters <= 1024 * 1024, `${characters}`);
  assert.equal(rates.count("x".repeat(70_000), 100), 0);
});
