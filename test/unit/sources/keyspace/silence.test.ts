import assert from "node:assert/strict";
import { test } from "node:test";
import { Silence, type SilenceLook } from "../../../../src/sources/keyspace/silence.ts";

function looksOf(silence: Silence) {
  let nowMs = 0;
  return (look: Partial<SilenceLook>, passMs = 1000) => {
    nowMs += passMs;
    return silence.judge({ events: 0, ranWrites: true, isListening: true, nowMs, ...look });
  };
}

test("writes without an event are quiet at first, and deafness after ten seconds", () => {
  const look = looksOf(new Silence());
  assert.deepEqual(
    Array.from({ length: 11 }, () => look({})),
    [...Array(10).fill("quiet"), "deaf"],
  );
  assert.equal(look({ events: 1 }), "heard");
  assert.equal(look({ events: 1 }), "quiet");
});

test("a server that runs no writes, and a subscription that is not up, say nothing", () => {
  const look = looksOf(new Silence());
  for (let second = 0; second < 20; second++) assert.equal(look({ ranWrites: false }), "nothing");
  for (let second = 0; second < 20; second++) assert.equal(look({ isListening: false }), "nothing");
});

test("a moment without writes, and a new subscription, begin the ten seconds anew", () => {
  const silence = new Silence();
  const look = looksOf(silence);
  for (let second = 0; second < 9; second++) look({});
  look({ ranWrites: false });
  for (let second = 0; second < 9; second++) assert.equal(look({}), "quiet");
  silence.reset();
  assert.equal(look({}), "quiet");
  assert.equal(look({}, 9000), "quiet");
  assert.equal(look({}, 1000), "deaf");
});
