import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";
import { waitFor } from "../../support/wait.ts";
import { AS_OF_MS, makeCoverage, makeHeat, makeIncident, makeViews } from "./fake-views.ts";
import { ask, Listener, openSocket, startServer } from "./requests.ts";

function listen(t: TestContext, url: string): Listener {
  const listener = new Listener(url);
  t.after(() => listener.close());
  return listener;
}

test("a listener gets hot keys and coverage at once and each second, and incidents as they change", async (t) => {
  const clock = new SimulatedClock(AS_OF_MS);
  const views = makeViews();
  const { address } = await startServer(t, { views, clock });
  const listener = listen(t, `${address}/api/v1/stream`);
  await waitFor("the first events", () => listener.events.length === 2);
  assert.equal(listener.headers["content-type"], "text/event-stream; charset=utf-8");
  assert.equal(listener.headers["cache-control"], "no-store");
  const [hotkeys, coverage] = listener.events;
  assert.deepEqual(hotkeys, { name: "hotkeys", body: (await ask(`${address}/api/v1/hotkeys`)).json() });
  assert.deepEqual(coverage, { name: "coverage", body: (await ask(`${address}/api/v1/coverage`)).json() });
  views.emit(makeIncident({ id: "i-2" }));
  await waitFor("the incident", () => listener.named("incident").length === 1);
  assert.equal(listener.named("incident")[0]?.body.id, "i-2");
  clock.advance(3000);
  await waitFor("three seconds", () => listener.named("coverage").length === 4);
  assert.equal(listener.named("hotkeys").length, 4);
});

test("the window of the stream is the smallest of at least 10 s", async (t) => {
  const views = makeViews({ windowsMs: [2000, 60_000, 15_000] });
  const { address } = await startServer(t, { views });
  const listener = listen(t, `${address}/api/v1/stream`);
  await waitFor("the first event", () => listener.events.length > 0);
  assert.equal(listener.events[0]?.body.windowSeconds, 15);
});

test("each listener gets the hot keys of the cluster that it asked for", async (t) => {
  const clock = new SimulatedClock(AS_OF_MS);
  const views = makeViews({ coverage: () => [makeCoverage({ cluster: "shop" })] });
  const { address } = await startServer(t, { views, clock });
  const shop = listen(t, `${address}/api/v1/stream?cluster=shop`);
  const own = listen(t, `${address}/api/v1/stream`);
  await waitFor("both", () => shop.events.length === 2 && own.events.length === 2);
  clock.advance(1000);
  await waitFor("a second", () => shop.named("hotkeys").length === 2 && own.named("hotkeys").length === 2);
  assert.ok(shop.named("hotkeys").every(({ body }) => body.cluster === "shop"));
  assert.ok(own.named("hotkeys").every(({ body }) => body.cluster === "default"));
});

test("comments keep a connection alive", async (t) => {
  const clock = new SimulatedClock(AS_OF_MS);
  const { address } = await startServer(t, { clock });
  const listener = listen(t, `${address}/api/v1/stream`);
  await waitFor("the first events", () => listener.events.length === 2);
  clock.advance(15_000);
  await waitFor("a heartbeat", () => listener.comments.includes(": still here"));
});

test("one listener too many is refused until another leaves", async (t) => {
  const stream = { clientsMax: 2, unreadBytesMax: 1024 };
  const { address } = await startServer(t, { stream });
  const first = listen(t, `${address}/api/v1/stream`);
  const second = listen(t, `${address}/api/v1/stream`);
  await waitFor("two listeners", () => first.events.length === 2 && second.events.length === 2);
  const third = await ask(`${address}/api/v1/stream`);
  assert.deepEqual([third.status, third.json().error.code], [503, "TOO_MANY_STREAMS"]);
  assert.equal(third.headers["retry-after"], "5");
  first.close();
  const fourth = await waitFor("a free place", async () => {
    const listener = listen(t, `${address}/api/v1/stream`);
    await waitFor("an answer", () => listener.status !== 0);
    return listener.status === 200 ? listener : null;
  });
  await waitFor("its events", () => fourth.events.length === 2);
});

test("a listener that does not read is dropped and counted, and others lose nothing", async (t) => {
  const clock = new SimulatedClock(AS_OF_MS);
  const heats = Array.from({ length: 50 }, (_, index) => makeHeat({ key: `${index}`.padEnd(1024, "\u{1}") }));
  const views = makeViews({ hotkeys: () => ({ asOfMs: clock.now(), complete: true, heats }) });
  const server = await startServer(t, { views, clock });
  const slow = openSocket(server.address);
  slow.on("error", () => {});
  t.after(() => slow.destroy());
  await once(slow, "connect");
  slow.pause();
  slow.write("GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const brisk = listen(t, `${server.address}/api/v1/stream`);
  await waitFor("both", () => server.books()[0]?.received === 4);
  const dropped = () => server.books()[0]?.dropped["slow-client"] ?? 0;
  for (let second = 1; dropped() === 0 && second < 200; second++) {
    clock.advance(1000);
    await waitFor("the brisk one", () => brisk.named("coverage").length === second + 1, 5000, 1);
  }
  assert.equal(dropped(), 1);
  const seen = brisk.named("hotkeys").length;
  clock.advance(1000);
  await waitFor("one more second", () => brisk.named("hotkeys").length === seen + 1);
  const [books] = server.books();
  assert.equal(books && unaccounted(books), 0);
  assert.equal(dropped(), 1);
});

test("a view that fails costs a second of the stream, and harms no one who changes an incident", async (t) => {
  const clock = new SimulatedClock(AS_OF_MS);
  let isBroken = false;
  const views = makeViews({
    coverage: () => {
      if (isBroken) throw new Error("broken view");
      return [makeCoverage()];
    },
  });
  const { address } = await startServer(t, { views, clock });
  const listener = listen(t, `${address}/api/v1/stream`);
  await waitFor("the first events", () => listener.events.length === 2);
  isBroken = true;
  clock.advance(1000);
  views.emit(makeIncident({ startedAtMs: Number.NaN }));
  isBroken = false;
  clock.advance(1000);
  await settle();
  await waitFor("the stream goes on", () => listener.named("coverage").length === 2);
});
