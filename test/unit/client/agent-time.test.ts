import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentTime } from "../../../src/client/agent-time.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 17);

test("until the agent has answered, the own clock stands for its", () => {
  assert.equal(new AgentTime(NOW_MS, 5000).at(6000), NOW_MS + 1000);
});

test("half of the way there and back is taken off", () => {
  const time = new AgentTime(NOW_MS, 0);
  // Sent at 100, answered after 10 ms, back at 120.
  time.learn(NOW_MS + 50_000 + 110, 100, 120);
  assert.equal(time.at(120), NOW_MS + 50_000 + 120);
});

test("the shortest way of the last answers tells the time", () => {
  const time = new AgentTime(NOW_MS, 0);
  time.learn(NOW_MS + 1002, 1000, 1004);
  // A way back of 90 ms, which the answer does not tell.
  time.learn(NOW_MS + 2005, 2000, 2100);
  assert.equal(time.at(3000), NOW_MS + 3000);
  for (let i = 0; i < 8; i++) time.learn(NOW_MS + 3005 + i, 3000 + i, 3100 + i);
  assert.equal(time.at(4000), NOW_MS + 4000 - 45);
});

test("when the agent's clock is set, what was learnt before is forgotten", () => {
  const time = new AgentTime(NOW_MS, 0);
  time.learn(NOW_MS + 1001, 1000, 1002);
  time.learn(NOW_MS - 3_600_000 + 2005, 2000, 2010);
  assert.equal(time.at(2010), NOW_MS - 3_600_000 + 2010);
});

test("an answer without a time teaches nothing", () => {
  const time = new AgentTime(NOW_MS, 0);
  time.learn(Number.NaN, 0, 1);
  assert.equal(time.at(7), NOW_MS + 7);
});
