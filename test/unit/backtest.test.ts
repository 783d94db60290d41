import assert from "node:assert/strict";
import { test } from "node:test";
import { type BacktestResult, backtest, type PastBatch } from "../../src/backtest.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { makePart, makeReport } from "../support/parts.ts";

const START_MS = Date.UTC(2026, 10, 23, 17);
const RULE = {
  name: "hot",
  type: "rate",
  window: "10s",
  threshold: "1000/s",
  keepFiringFor: "5s",
  cooldown: "30s",
};

/** How hot keys are, in writes per second, from one second to another. */
interface Heat {
  readonly key: string;
  readonly perSecond: number;
  readonly from: number;
  readonly to: number;
}

/** What one agent of one target would have published, a second after the other. */
async function* past(seconds: number, heats: readonly Heat[]): AsyncGenerator<PastBatch> {
  for (let second = 0; second < seconds; second++) {
    const startMs = START_MS + second * 1000;
    const rows = heats
      .filter(({ from, to }) => second >= from && second < to)
      .map(({ key, perSecond }) => ({ key, write: perSecond, currentPerSecond: perSecond }));
    const atMs = startMs + 1050;
    const report = makeReport({ atMs: startMs + 1000 });
    yield { atMs, messages: [report, makePart({ startMs, rows })] };
  }
}

interface Options {
  readonly rule?: Readonly<Record<string, unknown>>;
  readonly file?: Readonly<Record<string, unknown>>;
  readonly seconds?: number;
  readonly heats?: readonly Heat[];
  readonly from?: number;
  readonly to?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (nowMs: number) => void;
}

const ONE_KEY = [{ key: "sale:1", perSecond: 5000, from: 10, to: 40 }];

async function run(options: Options = {}): Promise<BacktestResult> {
  const { rule = {}, file = {}, seconds = 120, heats = ONE_KEY, from, to } = options;
  const { signal = new AbortController().signal, onProgress = () => {} } = options;
  const config = defaultConfig({
    redisUrls: ["redis://10.0.0.1:6379"],
    rules: [{ ...RULE, ...rule }],
    receivers: [
      { name: "phone", log: {} },
      { name: "chat", log: {} },
    ],
    routes: [{ receivers: ["phone"] }, { match: { key: "chat:*" }, receivers: ["chat"] }],
    ...file,
  });
  return await backtest({
    config,
    batches: past(seconds, heats),
    fromMs: from === undefined ? null : START_MS + from * 1000,
    toMs: to === undefined ? null : START_MS + to * 1000,
    signal,
    onProgress,
  });
}

const secondsOf = (ms: number | null) => (ms === null ? null : (ms - START_MS) / 1000);

test("a key that was hot is told of when it would have been, to whom it would have been, and resolves", async () => {
  const { incidents, messages, span, end } = await run();
  const [incident] = incidents;
  assert.equal(incidents.length, 1);
  assert.equal(incident?.status, "resolved");
  // 10,000 writes in 10 s are there with the second pane of 5,000, which arrives 50 ms after its end.
  assert.equal(secondsOf(incident?.firedAtMs ?? null), 12.05);
  assert.equal(incident?.peakRatePerSecond, 5000);
  assert.deepEqual(
    messages.map(({ receiver, event, incidents: ids }) => [receiver, event, ids]),
    [
      ["phone", "firing", [incident?.id]],
      ["phone", "firing", [incident?.id]],
      ["phone", "resolved", [incident?.id]],
    ],
  );
  // `groupWait` is 100 ms; a reminder and a resolve each wait for the cooldown of 30 s.
  assert.deepEqual(
    messages.map(({ atMs }) => Math.floor(secondsOf(atMs) ?? 0)),
    [12, 42, 72],
  );
  assert.equal(secondsOf(span?.fromMs ?? null), 1.05);
  assert.equal(secondsOf(span?.toMs ?? null), 120.05);
  assert.equal(end, "whole");
  assert.deepEqual(
    incident?.notified.map(({ receiver, event }) => [receiver, event]),
    messages.map(({ receiver, event }) => [receiver, event]),
  );
});

test("under a threshold that it does not reach, nothing fires", async () => {
  const { incidents, messages } = await run({ rule: { threshold: "6000/s" } });
  assert.deepEqual([incidents, messages], [[], []]);
});

test("the same past under the same rules gives the same result each time", async () => {
  const heats = Array.from({ length: 30 }, (_, index) => {
    return { key: `sale:${index}`, perSecond: 1200 + 300 * index, from: index, to: 60 + (index % 7) * 5 };
  });
  const first = await run({ heats, seconds: 200 });
  const second = await run({ heats, seconds: 200 });
  assert.equal(first.incidents.length, 30);
  assert.deepEqual(second, first);
});

test("keys that fire together make one message, and routes decide who has it", async () => {
  const heats = ["chat:1", "chat:2", "sale:1"].map((key) => ({ key, perSecond: 20_000, from: 5, to: 30 }));
  const { messages, incidents } = await run({ heats, seconds: 20 });
  assert.equal(incidents.length, 3);
  assert.deepEqual(messages.map(({ receiver, incidents: ids }) => [receiver, ids.length]).sort(), [
    ["chat", 2],
    ["phone", 3],
  ]);
});

test("what was told and over before the time that is asked for is left out; what fires then stays", async () => {
  const heats = [
    { key: "early", perSecond: 5000, from: 2, to: 10 },
    { key: "still", perSecond: 5000, from: 2, to: 90 },
    { key: "later", perSecond: 5000, from: 70, to: 80 },
  ];
  const { incidents, messages, span } = await run({ heats, from: 62 });
  assert.deepEqual(
    incidents.map(({ key }) => Buffer.from(key?.bytes ?? []).toString()),
    ["still", "later"],
  );
  const ids = incidents.map(({ id }) => id);
  assert.ok(messages.some(({ event, incidents: [id] }) => event === "firing" && id === ids[1]));
  for (const message of messages) {
    assert.ok(message.atMs >= START_MS + 62_000);
    assert.ok(message.incidents.every((id) => ids.includes(id)));
  }
  assert.equal(secondsOf(span?.fromMs ?? null), 62);
});

test("the replay ends at the time that is asked for", async () => {
  const { incidents, span } = await run({ to: 20 });
  assert.equal(incidents[0]?.status, "firing");
  assert.equal(secondsOf(span?.toMs ?? null), 20);
});

test("an interrupt ends the replay where it has come to, with what was found until then", async () => {
  const interrupt = new AbortController();
  const onProgress = (nowMs: number) => {
    if (nowMs >= START_MS + 30_000) interrupt.abort();
  };
  const { incidents, span, end } = await run({ signal: interrupt.signal, onProgress });
  assert.equal(end, "interrupted");
  assert.equal(incidents[0]?.status, "firing");
  assert.equal(secondsOf(span?.toMs ?? null), 30.05);
});

test("a past of nothing has no span", async () => {
  const { span, incidents } = await run({ seconds: 0 });
  assert.equal(span, null);
  assert.deepEqual(incidents, []);
});

test("a time that jumps by more than a week is not waited through", async () => {
  async function* jumping(): AsyncGenerator<PastBatch> {
    yield* past(3, []);
    yield { atMs: START_MS + 8 * 86_400_000, messages: [] };
  }
  const { end, span } = await backtest({
    config: defaultConfig({ rules: [RULE] }),
    batches: jumping(),
    fromMs: null,
    toMs: null,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  assert.equal(end, "jump");
  assert.equal(secondsOf(span?.toMs ?? null), 3.05);
});

/** A server that runs far more than its peer; later one of its keys is hot. */
async function* skewed(): AsyncGenerator<PastBatch> {
  const [busy, idle] = ["10.0.0.1:6379", "10.0.0.2:6379"];
  for (let second = 0; second < 60; second++) {
    const startMs = START_MS + second * 1000;
    const rows = second < 30 ? [] : [{ key: "sale:1", write: 3000 }];
    const told = { atMs: startMs + 1000, role: "primary" } as const;
    yield {
      atMs: startMs + 1050,
      messages: [
        makeReport({ ...told, target: busy, ran: { read: 0, write: 9000 } }),
        makeReport({ ...told, target: idle, ran: { read: 0, write: 1000 } }),
        makePart({ startMs, target: busy, rows }),
        makePart({ startMs, target: idle }),
      ],
    };
  }
}

test("a key that a skew of its server would have spoken for is an incident, and no message", async () => {
  const config = defaultConfig({
    redisUrls: ["redis://10.0.0.1:6379"],
    rules: [RULE, { name: "skew", type: "skew" }],
    receivers: [{ name: "phone", log: {} }],
  });
  const signal = new AbortController().signal;
  const all = { batches: skewed(), fromMs: null, toMs: null, signal, onProgress: () => {} };
  const { incidents, messages } = await backtest({ config, ...all });
  assert.deepEqual(
    incidents.map(({ rule }) => rule),
    ["skew", "hot"],
  );
  const told = messages.filter(({ event }) => event === "firing");
  assert.deepEqual(
    told.map((message) => message.incidents),
    [[incidents[0]!.id]],
  );
});
