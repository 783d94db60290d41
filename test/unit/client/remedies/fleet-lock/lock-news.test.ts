import assert from "node:assert/strict";
import { test } from "node:test";
import { LockNews } from "../../../../../src/client/remedies/fleet-lock/lock-news.ts";
import type {
  OpenSubscription,
  SubscriptionEvents,
} from "../../../../../src/client/remedies/fleet-lock/subscription.ts";
import { SimulatedClock, settle } from "../../../../support/simulated-clock.ts";

const LONG_MS = 600_000;

/** Connections that a test answers for. */
class FakeServer {
  readonly opened: SubscriptionEvents[] = [];
  readonly calls: string[] = [];
  isRefusing = false;
  /** Answers of commands that are held back. */
  held: (() => void)[] | null = null;

  readonly open: OpenSubscription = async (events) => {
    this.opened.push(events);
    const connection = this.opened.length;
    const answer = async (call: string) => {
      this.calls.push(`${connection} ${call}`);
      if (this.held !== null) await new Promise<void>((resolve) => this.held?.push(resolve));
      if (this.isRefusing) throw new Error("NOPERM");
    };
    return {
      subscribe: (channel) => answer(`+${channel}`),
      unsubscribe: (channel) => answer(`-${channel}`),
      close: () => this.calls.push(`${connection} closed`),
    };
  };
}

function setUp() {
  const server = new FakeServer();
  const clock = new SimulatedClock();
  const news = new LockNews(server.open, { idle: clock, wait: clock });
  return { server, clock, news };
}

test("who listens is told when he hears, and of each message", async (t) => {
  const { server, news } = setUp();
  t.after(() => news.close());
  const listener = news.listen("a");
  assert.equal(listener.isHearing, false);
  await listener.next(LONG_MS);
  assert.equal(listener.isHearing, true);
  const told = listener.next(LONG_MS);
  server.opened[0]!.onMessage("b");
  server.opened[0]!.onMessage("a");
  await told;
  // News between two waits are not lost.
  server.opened[0]!.onMessage("a");
  await listener.next(LONG_MS);
  listener.close();
});

test("listeners of a channel share a subscription, which ends with the last; the connection is shared by all", async () => {
  const { server, clock, news } = setUp();
  const listeners = [news.listen("a"), news.listen("a"), news.listen("b")];
  await settle();
  listeners[0]!.close();
  await settle();
  assert.deepEqual(server.calls, ["1 +a", "1 +b"]);
  listeners[1]!.close();
  listeners[2]!.close();
  await settle();
  assert.deepEqual(server.calls.slice(2), ["1 -a", "1 -b"]);
  clock.advance(9999);
  await settle();
  assert.equal(server.calls.length, 4);
  clock.advance(1);
  await settle();
  assert.deepEqual(server.calls.slice(4), ["1 closed"]);
  assert.equal(clock.waiting, 0);
  news.listen("a").close();
  await settle();
  assert.equal(server.opened.length, 2);
});

test("a channel that is left and joined while the server has not answered ends up subscribed", async () => {
  const { server, news } = setUp();
  const first = news.listen("a");
  await settle();
  server.held = [];
  first.close();
  await settle();
  const second = news.listen("a");
  await settle();
  assert.deepEqual(server.calls, ["1 +a", "1 -a"]);
  for (const answer of server.held) answer();
  server.held = null;
  await settle();
  assert.deepEqual(server.calls, ["1 +a", "1 -a", "1 +a"]);
  assert.equal(second.isHearing, true);
  second.close();
});

test("with the connection everybody is told and deaf; it is opened again for who comes 10 s later", async () => {
  const { server, clock, news } = setUp();
  const listener = news.listen("a");
  await listener.next(LONG_MS);
  const told = listener.next(LONG_MS);
  server.opened[0]!.onLost();
  await told;
  assert.equal(listener.isHearing, false);
  news.listen("b");
  await settle();
  assert.equal(server.opened.length, 1);
  clock.advance(10_000);
  const later = news.listen("b");
  await later.next(LONG_MS);
  assert.equal(later.isHearing, true);
  // What the lost connection still says is nobody's.
  server.opened[0]!.onLost();
  assert.equal(later.isHearing, true);
  listener.close();
  later.close();
});

test("who cannot subscribe stays deaf, and the connection is closed", async () => {
  const { server, news } = setUp();
  server.isRefusing = true;
  const listener = news.listen("a");
  await settle();
  assert.equal(listener.isHearing, false);
  assert.deepEqual(server.calls, ["1 +a", "1 closed"]);
  listener.close();
});

test("of more than 1,000 channels the rest is deaf", async () => {
  const { server, news } = setUp();
  for (let i = 0; i < 1001; i++) news.listen(`c${i}`);
  await settle();
  assert.equal(server.calls.length, 1000);
  news.close();
});

test("after the close nobody listens, and nothing is opened", async () => {
  const { server, clock, news } = setUp();
  const listener = news.listen("a");
  await listener.next(LONG_MS);
  news.close();
  await listener.next(LONG_MS);
  assert.equal(listener.isHearing, false);
  assert.equal(news.listen("a").isHearing, false);
  await settle();
  assert.deepEqual([server.opened.length, server.calls.at(-1), clock.waiting], [1, "1 closed", 0]);
  listener.close();
});

test("without a way to subscribe everybody is deaf", () => {
  assert.equal(new LockNews(null).listen("a").isHearing, false);
});
