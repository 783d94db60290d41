import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { keyLabel } from "../../../../src/model/key.ts";
import {
  type AlertmanagerAlert,
  alertBodies,
  alertOf,
} from "../../../../src/notify/receivers/alertmanager-alerts.ts";
import { DeliveryError } from "../../../../src/notify/receivers/receiver.ts";
import { createReceiver } from "../../../../src/notify/receivers/registry.ts";
import { silentLogger } from "../../../../src/runtime/logger.ts";
import fc from "../../../support/fast-check.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { waitFor } from "../../../support/wait.ts";
import { type Answerer, startWebhook } from "../../../support/webhook.ts";
import { incidentOf, START_MS } from "../../incidents/samples.ts";
import { HOSTILE_KEYS, incidentOfBytes, messageOf } from "../alerts.ts";

const nowMs = START_MS + 75_000;
const externalUrl = "https://keyheat.example";
const signal = new AbortController().signal;

/** What Alertmanager asks of an alert. */
function check(alert: AlertmanagerAlert): void {
  for (const texts of [alert.labels, alert.annotations]) {
    for (const [name, text] of Object.entries(texts)) {
      assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/);
      assert.ok(text !== "" && text.isWellFormed(), name);
    }
  }
  for (const text of Object.values(alert.labels)) assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
  assert.ok(Date.parse(alert.startsAt) <= Date.parse(alert.endsAt));
}

describe("an alert for Alertmanager", () => {
  it("fires for the next 5 minutes, under labels that are the incident's identity", () => {
    const incident = incidentOf({
      id: "5d41402abc4b2a76",
      advice: [{ remedy: "one-key", why: "Moving it will not help.", url: "docs/advice.md#one-key" }],
    });
    const alert = alertOf(incident, { nowMs, externalUrl });
    check(alert);
    assert.deepEqual(alert.labels, {
      alertname: "hot-key",
      severity: "warning",
      cluster: "shop",
      key: "user:1",
      db: "0",
      incident: "5d41402abc4b2a76",
      source: "keyheat",
    });
    assert.equal(alert.annotations.summary, "Hot key user:1 in shop: 2k accesses/s");
    assert.match(alert.annotations.description ?? "", /^Key: user:1\n/);
    assert.equal(
      alert.annotations.advice,
      `one-key: Moving it will not help. (${externalUrl}/docs/advice#one-key)`,
    );
    assert.equal(alert.startsAt, new Date(START_MS).toISOString());
    assert.equal(alert.endsAt, new Date(nowMs + 300_000).toISOString());
    assert.equal(alert.generatorURL, `${externalUrl}/?incident=5d41402abc4b2a76`);
  });

  it("of what is over ends when that ended, never before it began", () => {
    const ended = incidentOf({ status: "resolved", reason: "cooled", resolvedAtMs: START_MS + 60_000 });
    assert.equal(alertOf(ended, { nowMs }).endsAt, new Date(START_MS + 60_000).toISOString());
    assert.deepEqual(alertOf(ended, { nowMs }).labels, alertOf(incidentOf(), { nowMs }).labels);
    check(alertOf({ ...ended, resolvedAtMs: START_MS - 1 }, { nowMs }));
  });

  it("of a key stays the same alert when the key moves to another target", () => {
    const before = alertOf(incidentOf({ target: null }), { nowMs });
    const after = alertOf(incidentOf({ target: "10.0.0.9:6379" }), { nowMs });
    assert.deepEqual(after.labels, before.labels);
    assert.equal(after.annotations.target, "10.0.0.9:6379");
    assert.equal(before.annotations.target, undefined);
  });

  it("of a target has no key", () => {
    const { labels } = alertOf(incidentOf({ key: null, pattern: "" }), { nowMs });
    assert.deepEqual(Object.keys(labels).sort(), [
      "alertname",
      "cluster",
      "incident",
      "severity",
      "source",
      "target",
    ]);
  });

  for (const [what, bytes] of Object.entries(HOSTILE_KEYS)) {
    it(`has labels that are taken with a key of ${what}`, () => {
      const alert = alertOf(incidentOfBytes(bytes), { nowMs });
      check(alert);
      assert.equal(alert.labels.key, keyLabel(incidentOfBytes(bytes).key?.bytes ?? bytes) || undefined);
    });
  }

  it("is taken with any key and any names", () => {
    const names = fc.string({ unit: "binary", maxLength: 300 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), names, fc.boolean(), (bytes, name, isOver) => {
        const changes = { target: name, cluster: name, pattern: name, commands: { [name]: 1 } };
        const end = isOver ? ({ status: "resolved", resolvedAtMs: nowMs } as const) : {};
        check(alertOf(incidentOfBytes(bytes, { ...changes, ...end }), { nowMs, externalUrl }));
      }),
    );
  });

  it("goes into bodies of bounded size, each incident once and in order", () => {
    const incidents = Array.from({ length: 500 }, (_, index) => incidentOf({ name: `user:${index}` }));
    const bodies = [...alertBodies(incidents, { nowMs }, 20_000)];
    assert.ok(bodies.length > 5 && bodies.every((body) => body.length <= 20_000));
    const ids = bodies.flatMap((body) =>
      JSON.parse(body.toString()).map((alert: AlertmanagerAlert) => alert.labels.incident),
    );
    assert.deepEqual(
      ids,
      incidents.map(({ id }) => id),
    );
    assert.equal([...alertBodies(incidents.slice(0, 3), { nowMs }, 10)].length, 3);
    assert.deepEqual([...alertBodies([], { nowMs })], []);
  });
});

describe("the receiver of Alertmanager", () => {
  async function begin(t: TestContext, answers: readonly Answerer[], authorization?: string) {
    const replicas = await Promise.all(answers.map((answer) => startWebhook(t, answer)));
    const clock = new SimulatedClock();
    const urls = replicas.map(({ port }) => `http://127.0.0.1:${port}/prefix/`);
    const receiver = createReceiver(
      { name: "am", alertmanager: { urls, ...(authorization ? { authorization } : {}) }, allow: [] },
      { clock, logger: silentLogger, externalUrl },
    );
    t.after(() => receiver.close?.());
    return { replicas, clock, receiver, urls };
  }
  const takes: Answerer = () => ({ status: 200 });
  const group = messageOf([incidentOf(), incidentOf({ name: "user:2" })]);

  it("posts each incident by itself to every replica", async (t) => {
    const { replicas, receiver } = await begin(t, [takes, takes], "Bearer hunter2");
    await receiver.deliver(group, signal);
    for (const replica of replicas) {
      const [request] = await replica.received(1);
      assert.equal(request?.path, "/prefix/api/v2/alerts");
      assert.equal(request?.headers.authorization, "Bearer hunter2");
      const alerts: AlertmanagerAlert[] = JSON.parse(String(request?.body));
      assert.deepEqual(
        alerts.map(({ labels }) => labels.key),
        ["user:1", "user:2"],
      );
    }
    assert.deepEqual(receiver.problems?.(), []);
  });

  it("is content with one that takes it, says which does not, and tries that again with the next send", async (t) => {
    let isDown = true;
    const shaky: Answerer = () => ({ status: isDown ? 503 : 200 });
    const { replicas, receiver, urls } = await begin(t, [shaky, takes]);
    await receiver.deliver(group, signal);
    const host = new URL(urls[0] ?? "").host;
    await waitFor("the problem", () => receiver.problems?.().length === 1);
    assert.deepEqual(receiver.problems?.(), [`alertmanager ${host}: delivery failed: THROTTLED (HTTP 503)`]);
    isDown = false;
    await receiver.repetition?.repeat(group.incidents, signal);
    await replicas[0]?.received(2);
    await waitFor("no problem", () => receiver.problems?.().length === 0);
  });

  it("posts what comes after a body that is refused", async (t) => {
    let posted = 0;
    const { replicas, receiver } = await begin(t, [() => ({ status: posted++ === 0 ? 400 : 200 })]);
    const pattern = "p".repeat(100);
    const many = Array.from({ length: 3000 }, (_, index) => incidentOf({ name: `user:${index}`, pattern }));
    await assert.rejects(async () => receiver.repetition?.repeat(many, signal), { code: "REJECTED" });
    assert.ok(((await replicas[0]?.received(2)) ?? []).length >= 2);
  });

  it("does not wait for one that hangs, and leaves it alone after 8 s", async (t) => {
    const { replicas, receiver, clock } = await begin(t, [() => "hang", takes]);
    await receiver.deliver(group, signal);
    await replicas[0]?.received(1);
    assert.deepEqual(receiver.problems?.(), []);
    clock.advance(8000);
    await waitFor("the problem", () => receiver.problems?.().length === 1);
  });

  it("fails where none takes it: for good only where all refuse it for good", async (t) => {
    const refuses: Answerer = () => ({ status: 400 });
    const failing: Answerer = () => ({ status: 500 });
    const cuts: Answerer = () => "cut";
    for (const [answers, retryable] of [
      [[refuses, refuses], false],
      [[refuses, failing], true],
      [[cuts, cuts], true],
    ] as const) {
      const { receiver } = await begin(t, answers);
      const error: unknown = await receiver.deliver(group, signal).catch((caught) => caught);
      assert.ok(error instanceof DeliveryError);
      assert.equal(error.retryable, retryable);
    }
  });
});
