import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Incident, IncidentGroup, Notified } from "../../../../src/model/incident.ts";
import { Notifier } from "../../../../src/notify/notifier.ts";
import { pagerDutyEvent } from "../../../../src/notify/receivers/pagerduty-event.ts";
import { DeliveryError } from "../../../../src/notify/receivers/receiver.ts";
import { createReceiver } from "../../../../src/notify/receivers/registry.ts";
import { Ledger } from "../../../../src/runtime/accounting.ts";
import { silentLogger } from "../../../../src/runtime/logger.ts";
import fc from "../../../support/fast-check.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { waitFor } from "../../../support/wait.ts";
import { type Answer, startWebhook } from "../../../support/webhook.ts";
import { incidentOf, START_MS } from "../../incidents/samples.ts";
import { HOSTILE_KEYS, incidentOfBytes, messageOf } from "../alerts.ts";
import { routeTo } from "../scene.ts";
import { checkPagerDutyEvent, type PagerDutyEvent } from "./pagerduty-limits.ts";

const externalUrl = "https://keyheat.example";
const routingKey = "R0UT1NGKEY";
const signal = new AbortController().signal;

function eventOf(group: IncidentGroup, options: { externalUrl?: string } = { externalUrl }): PagerDutyEvent {
  return checkPagerDutyEvent(pagerDutyEvent(group, { routingKey, ...options }));
}

/** An incident in which every name is hostile. */
function hostileOf(bytes: Uint8Array, name: string, changes: Partial<Incident> = {}): Incident {
  return incidentOfBytes(bytes, {
    cluster: name,
    target: name,
    pattern: name,
    services: { [name]: 9, checkout: 1 },
    commands: { [name]: 9 },
    facts: { type: name, bytes: 120, ttlSeconds: 60, encoding: name },
    advice: [{ remedy: "local-cache", why: "Reads <!channel>.", url: "docs/advice.md#local-cache" }],
    ...changes,
  });
}

/** `count` incidents of different keys, each with a large advice. */
function largeOf(count: number, whyCharacters: number): Incident[] {
  return Array.from({ length: count }, (_, index) =>
    incidentOfBytes(Buffer.from(`user:${index}`), {
      id: `incident-${index}`,
      severity: index === count - 1 ? "critical" : "warning",
      advice: [
        { remedy: "one-key", why: "\u{1f525}".repeat(whyCharacters / 2), url: "docs/advice.md#one-key" },
      ],
    }),
  );
}

describe("an event for PagerDuty", () => {
  it("says what fires, where, how badly and what to do", () => {
    const incident = incidentOfBytes(Buffer.from("user:1"), {
      id: "5d41402abc4b2a76",
      severity: "critical",
      advice: [{ remedy: "one-key", why: "Moving it will not help.", url: "docs/advice.md#one-key" }],
    });
    const event = eventOf(messageOf([incident]));
    assert.equal(event.routing_key, routingKey);
    assert.equal(event.event_action, "trigger");
    assert.equal(event.dedup_key, incident.id);
    assert.match(event.payload.summary, /^Critical: Hot key user:1 in shop: 2k accesses\/s$/);
    assert.equal(event.payload.severity, "critical");
    assert.equal(event.payload.source, "127.0.0.1:6379");
    assert.equal(event.payload.group, "shop");
    assert.equal(event.payload.class, "hot-key");
    assert.equal(event.payload.custom_details.Key, "user:1");
    assert.equal(event.client, "Keyheat");
    assert.equal(event.client_url, `${externalUrl}/?incident=${incident.id}`);
    assert.deepEqual(event.links, [
      { href: `${externalUrl}/?incident=${incident.id}`, text: "Keyheat console" },
      { href: `${externalUrl}/docs/advice#one-key`, text: "one-key" },
    ]);
  });

  it("has no links where Keyheat does not know its own address", () => {
    const event = eventOf(messageOf([hostileOf(Buffer.from("a"), "a")]), {});
    assert.deepEqual(event.links, []);
    assert.equal(event.client_url, undefined);
  });

  it("of an end names its thread", () => {
    const ended = incidentOfBytes(Buffer.from("user:1"), {
      status: "resolved",
      reason: "cooled",
      resolvedAtMs: 1,
    });
    const event = eventOf(messageOf([ended], { event: "resolved", thread: { id: "t-1", isOver: true } }));
    assert.equal(event.event_action, "resolve");
    assert.equal(event.dedup_key, "t-1");
  });

  it("of several lists them, the worst first", () => {
    const event = eventOf(messageOf(largeOf(3, 10), { thread: { id: "t-1", isOver: false } }));
    assert.equal(event.payload.severity, "critical");
    const { Incidents: listed } = event.payload.custom_details;
    assert.ok(Array.isArray(listed));
    assert.deepEqual(
      listed.map((details) => details.Key),
      ["user:2", "user:0", "user:1"],
    );
  });

  it("leaves out what does not fit, and says how much", () => {
    for (const [count, characters] of [
      [150, 20_000],
      [10_000, 10],
      [1, 2_000_000],
    ] as const) {
      const event = eventOf(messageOf(largeOf(count, characters), { more: 7 }));
      const { Incidents: listed, "Left out": leftOut } = event.payload.custom_details;
      assert.ok(Array.isArray(listed) && listed.length < count);
      assert.equal(leftOut, `${count + 7 - listed.length} more incidents`);
    }
  });

  for (const [what, bytes] of Object.entries(HOSTILE_KEYS)) {
    it(`keeps the published limits with a key of ${what}`, () => {
      const one = hostileOf(bytes, Buffer.from(bytes).toString("utf8"));
      eventOf(messageOf([one]));
      eventOf(messageOf(Array.from({ length: 300 }, () => one)));
    });
  }

  it("keeps them with any key and any names", () => {
    const names = fc.string({ unit: "binary", maxLength: 300 });
    const keys = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      names.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(keys, names, fc.integer({ min: 1, max: 30 }), (bytes, name, count) => {
        eventOf(
          messageOf(
            Array.from({ length: count }, () => hostileOf(bytes, name)),
            { cluster: name },
          ),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe("the receiver of PagerDuty", () => {
  /** A server that checks what it gets as the service would, and refuses with 400 what it would refuse. */
  async function begin(t: TestContext, refusing: (n: number) => Answer | null = () => null) {
    const service = await startWebhook(t, ({ body, method, path }, n) => {
      const answer = refusing(n);
      if (answer !== null) return answer;
      try {
        assert.deepEqual([method, path], ["POST", "/hook"]);
        const event = checkPagerDutyEvent(body);
        assert.equal(event.routing_key, routingKey);
        return { status: 202, body: JSON.stringify({ status: "success", dedup_key: event.dedup_key }) };
      } catch (error) {
        return { status: 400, body: String(error) };
      }
    });
    const receiver = createReceiver(
      { name: "pager", pagerduty: { routingKey, url: service.url }, allow: [] },
      { clock: new SimulatedClock(), logger: silentLogger, externalUrl },
    );
    t.after(() => receiver.close?.());
    return { service, receiver };
  }

  it("sends an event, which is taken with 202", async (t) => {
    const { service, receiver } = await begin(t);
    assert.deepEqual(await receiver.deliver(messageOf([incidentOfBytes(Buffer.from("a"))]), signal), {
      status: 202,
    });
    assert.equal(service.requests.length, 1);
  });

  it("sends no end while others of the thread are hot, and sends the last", async (t) => {
    const { service, receiver } = await begin(t);
    const ended = incidentOfBytes(Buffer.from("a"), {
      status: "resolved",
      reason: "cooled",
      resolvedAtMs: 1,
    });
    const end = (isOver: boolean) =>
      receiver.deliver(messageOf([ended], { event: "resolved", thread: { id: "t", isOver } }), signal);
    assert.deepEqual(await end(false), {});
    assert.equal(service.requests.length, 0);
    assert.deepEqual(await end(true), { status: 202 });
    assert.equal(service.requests.length, 1);
  });

  it("gives up what is refused with 400, and comes again after 429 and 5xx", async (t) => {
    const answers: Answer[] = [
      { status: 400 },
      { status: 429, headers: { "retry-after": "7" } },
      { status: 500 },
      "cut",
    ];
    const { receiver } = await begin(t, (n) => answers[n] ?? null);
    const group = messageOf([incidentOfBytes(Buffer.from("a"))]);
    const verdicts: unknown[] = [];
    for (const _ of answers) {
      const error: unknown = await receiver.deliver(group, signal).catch((caught) => caught);
      assert.ok(error instanceof DeliveryError);
      verdicts.push([error.code, error.retryable, error.retryAfterMs]);
    }
    assert.deepEqual(verdicts, [
      ["REJECTED", false, null],
      ["THROTTLED", true, 7000],
      ["FAILED", true, null],
      ["UNREACHABLE", true, null],
    ]);
  });

  it("is told of a group as one incident, which its last key ends; killed before it logged, it is told of the same", async (t) => {
    const { service, receiver } = await begin(t);
    const clock = new SimulatedClock();
    const log: (readonly [string, Notified])[] = [];
    const notifierOf = (onNotified: (id: string, notified: Notified) => void) =>
      new Notifier({
        routes: [routeTo(["pager"])],
        receivers: [receiver],
        rules: [{ name: "hot-key", cooldown: 0 }],
        clock,
        logger: silentLogger,
        ledger: new Ledger("notify"),
        onNotified,
      });
    const [older, younger] = [
      incidentOf({ name: "b", startedAtMs: START_MS - 1 }),
      incidentOf({ name: "a" }),
    ];
    const killed = notifierOf(() => {});
    for (const incident of [younger, older]) killed.offer(incident);
    clock.advance(1);
    await service.received(1);
    const notifier = notifierOf((id, notified) => log.push([id, notified]));
    for (const incident of [older, younger]) notifier.offer(incident);
    clock.advance(1);
    await waitFor("both to be told", () => log.length === 2);
    for (const [index, incident] of [older, younger].entries()) {
      notifier.offer({ ...incident, status: "resolved", reason: "cooled", resolvedAtMs: clock.now() });
      clock.advance(1);
      await waitFor("its end to be told", () => log.length === 3 + index);
    }
    assert.deepEqual(
      service.requests
        .map(({ body }) => checkPagerDutyEvent(body))
        .map((event) => [event.event_action, event.dedup_key]),
      [
        ["trigger", older.id],
        ["trigger", older.id],
        ["resolve", older.id],
      ],
    );
    assert.ok(log.every(([, { thread }]) => thread === older.id));
  });

  it("shows its routing key in no error", async (t) => {
    const { receiver } = await begin(t, () => ({ status: 400, body: `bad ${routingKey}` }));
    const error: unknown = await receiver
      .deliver(messageOf([incidentOfBytes(Buffer.from("a"))]), signal)
      .catch((caught) => caught);
    assert.ok(error instanceof DeliveryError);
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error)}`, /R0UT1NGKEY/);
  });
});
