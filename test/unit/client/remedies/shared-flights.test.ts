import assert from "node:assert/strict";
import { test } from "node:test";
import { type Flight, SharedFlights } from "../../../../src/client/remedies/shared-flights.ts";
import { settle } from "../../../support/simulated-clock.ts";

/** A task that ends when told to. */
function heldTask() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const flights: Flight[] = [];
  const task = (flight: Flight) => {
    flights.push(flight);
    return promise;
  };
  return { task, resolve, reject, flights };
}

test("who asks meanwhile shares one task, what it gives and its error; who asks later starts another", async () => {
  const shared = new SharedFlights<string>();
  const first = heldTask();
  const both = [shared.run("k", null, first.task), shared.run("k", null, first.task)];
  first.resolve("a");
  assert.deepEqual(await Promise.all(both), ["a", "a"]);
  assert.equal(first.flights.length, 1);
  const second = heldTask();
  const failing = [shared.run("k", null, second.task), shared.run("k", null, second.task)];
  second.reject(new Error("no"));
  for (const { status } of await Promise.allSettled(failing)) assert.equal(status, "rejected");
  assert.equal(second.flights.length, 1);
  assert.equal(shared.size, 0);
});

test("one caller who gives up ends his own wait; with the last the task is told, and the next caller starts anew", async () => {
  const shared = new SharedFlights<string>();
  const held = heldTask();
  const [one, other] = [new AbortController(), new AbortController()];
  const calls = [one, other].map(({ signal }) => shared.run("k", signal, held.task));
  const settled = Promise.allSettled(calls);
  one.abort(new Error("one"));
  await assert.rejects(calls[0]!, /one/);
  assert.equal(held.flights[0]!.signal.aborted, false);
  assert.equal(shared.isUnderWay("k"), true);
  other.abort(new Error("other"));
  await settled;
  assert.match(String(held.flights[0]!.signal.reason), /other/);
  assert.equal(held.flights[0]!.isCurrent(), false);
  const next = heldTask();
  const call = shared.run("k", null, next.task);
  // What nobody waits for may end in any way.
  held.reject(new Error("nobody hears this"));
  await settle();
  assert.equal(shared.isUnderWay("k"), true);
  next.resolve("b");
  assert.equal(await call, "b");
});

test("a forgotten flight still serves who waits for it, and knows that it is out of date", async () => {
  const shared = new SharedFlights<string>();
  const [old, fresh] = [heldTask(), heldTask()];
  const waiting = shared.run("k", null, old.task);
  assert.equal(old.flights[0]!.isCurrent(), true);
  shared.forget("k");
  const later = shared.run("k", null, fresh.task);
  assert.equal(old.flights[0]!.isCurrent(), false);
  assert.equal(fresh.flights[0]!.isCurrent(), true);
  old.resolve("old");
  assert.equal(await waiting, "old");
  assert.equal(shared.isUnderWay("k"), true);
  fresh.resolve("new");
  assert.equal(await later, "new");
});

test("who has given up before asks nothing", async () => {
  const shared = new SharedFlights<string>();
  const held = heldTask();
  await assert.rejects(shared.run("k", AbortSignal.abort(new Error("before")), held.task), /before/);
  assert.equal(held.flights.length, 0);
});
