import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MessageBudget } from "../../../src/notify/budget.ts";

describe("a budget of messages", () => {
  it("gives its burst at once, then one each interval", () => {
    const budget = new MessageBudget(2, 0);
    assert.deepEqual(
      [0, 0, 0].map(() => budget.spend(2, 1000, 0)),
      [0, 0, 1000],
    );
    assert.equal(budget.spend(2, 1000, 400), 600);
    assert.equal(budget.spend(2, 1000, 1000), 0);
    assert.equal(budget.spend(2, 1000, 1000), 1000);
  });

  it("saves up no more than its burst", () => {
    const budget = new MessageBudget(2, 0);
    assert.deepEqual(
      [0, 0, 0].map(() => budget.spend(2, 1000, 1e9)),
      [0, 0, 1000],
    );
  });

  it("is full again after as many intervals as were spent", () => {
    const budget = new MessageBudget(2, 0);
    budget.spend(2, 1000, 0);
    assert.equal(budget.isFull(2, 1000, 999), false);
    assert.equal(budget.isFull(2, 1000, 1000), true);
  });

  it("never waits longer than an interval, even if the clock was set back", () => {
    const budget = new MessageBudget(1, 1e9);
    budget.spend(1, 1000, 1e9);
    assert.equal(budget.spend(1, 1000, 0), 1000);
  });
});
