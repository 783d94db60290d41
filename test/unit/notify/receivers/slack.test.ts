import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Incident } from "../../../../src/model/incident.ts";
import { alertText } from "../../../../src/notify/alert-text.ts";
import { DeliveryError, type Receiver } from "../../../../src/notify/receivers/receiver.ts";
import { createReceiver } from "../../../../src/notify/receivers/registry.ts";
import { slackMessage, slackPlainMessage } from "../../../../src/notify/receivers/slack-blocks.ts";
import { silentLogger } from "../../../../src/runtime/logger.ts";
import fc from "../../../support/fast-check.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { type Answerer, startWebhook } from "../../../support/webhook.ts";
import { incidentOf, START_MS } from "../../incidents/samples.ts";
import { HOSTILE_KEYS, incidentOfBytes, messageOf } from "../alerts.ts";
import { checkSlackMessage } from "./slack-limits.ts";

const externalUrl = "https://keyheat.example";

const ADVICE = [
  {
    remedy: "local-cache",
    why: "98% of its accesses are reads (4700/s).",
    url: "docs/advice.md#local-cache",
  },
  { remedy: "one-key", why: "Moving the slot will not help.", url: "docs/advice.md#one-key" },
];

/** An incident of which everything is known, and all of it hostile. */
function fullOf(bytes: Uint8Array, name = "checkout"): Incident {
  return incidentOfBytes(bytes, {
    pattern: name,
    target: name,
    cluster: name,
    services: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`${name}${index}`, 20 - index])),
    commands: { [name]: 10, get: 5, set: 2 },
    facts: { type: name, bytes: 120, ttlSeconds: 60, encoding: name },
    trail: { lastMs: START_MS, rates: Array.from({ length: 60 }, (_, index) => index * 100) },
    suspect: true,
    complete: false,
    coverage: { read: 0.5, write: 1 },
    advice: ADVICE.map((advice) => ({ ...advice, why: `${advice.why} Mostly <!channel>.` })),
  });
}

function bodiesOf(incidents: readonly Incident[], more = 0): string[] {
  const alert = alertText(messageOf(incidents, { more }), { externalUrl });
  return [JSON.stringify(slackMessage(alert)), JSON.stringify(slackPlainMessage(alert))];
}

describe("a message to Slack", () => {
  for (const [what, bytes] of Object.entries(HOSTILE_KEYS)) {
    it(`keeps the published limits, and is inert, with a key of ${what}`, () => {
      const name = Buffer.from(bytes).toString("utf8");
      const one = fullOf(bytes, name);
      for (const body of [
        ...bodiesOf([one]),
        ...bodiesOf(
          Array.from({ length: 60 }, () => one),
          7,
        ),
      ]) {
        checkSlackMessage(body);
      }
    });
  }

  it("keeps them with any key and any names", () => {
    const names = fc.string({ unit: "binary", maxLength: 300 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 2000 }),
          names.map((text) => Buffer.from(text)),
        ),
        names,
        fc.integer({ min: 1, max: 70 }),
        (bytes, name, count) => {
          const incidents = Array.from({ length: count }, () => fullOf(bytes, name));
          for (const body of bodiesOf(incidents)) checkSlackMessage(body);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("of one incident has the whole picture", () => {
    const incident = incidentOf({
      facts: { type: "string", bytes: 120, ttlSeconds: 60, encoding: "embstr" },
      services: { checkout: 3, cart: 1 },
      trail: { lastMs: START_MS, rates: [0, 1000, 2000] },
      advice: ADVICE,
    });
    const [body = ""] = bodiesOf([incident]);
    const { text, blocks = [] } = checkSlackMessage(body);
    assert.equal(text, "🟠 `Warning: Hot key user:1 in shop: 2k accesses/s`");
    assert.equal(blocks[0]?.text?.text, "🟠 Warning: Hot key user:1 in shop: 2k accesses/s");
    for (const expected of [
      "*Key*\\n`user:1`",
      "*Rate*\\n2k/s, now 2.1k/s, steady",
      "*Services*\\n`checkout 75%, cart 25%`",
      "▁▅█",
      "<https://keyheat.example/docs/advice#local-cache|local-cache>: 98% of its accesses are reads (4700/s).",
      "<https://keyheat.example/?incident=incident-of-user%3A1|Open in the console>",
    ]) {
      assert.ok(body.includes(expected), `${expected} in ${body}`);
    }
  });

  it("names the file where Keyheat does not know its own address", () => {
    const body = JSON.stringify(slackMessage(alertText(messageOf([incidentOf({ advice: ADVICE })]))));
    assert.ok(body.includes("*one-key*: Moving the slot will not help. (docs/advice.md#one-key)"));
    assert.doesNotMatch(body, /console/);
  });

  it("of several has a line for each of the first, and counts the others", () => {
    const incidents = Array.from({ length: 100 }, (_, index) => incidentOf({ name: `user:${index}` }));
    const worst = incidentOf({ name: "sale", severity: "critical" });
    const [body = ""] = bodiesOf([worst, ...incidents], 11);
    const { blocks = [] } = checkSlackMessage(body);
    assert.equal(blocks[0]?.text?.text, "🔴 Critical: 112 hot keys in shop");
    const lines = blocks[1]?.text?.text.split("\n") ?? [];
    assert.match(lines[0] ?? "", /^🔴 `Hot key sale in shop: 2k accesses\/s` </);
    assert.ok(lines.length > 10);
    assert.equal(lines.at(-1), `+${112 - (lines.length - 1)} more`);
  });

  it("of a node lists the keys that it stands for", () => {
    const skew = incidentOf({
      key: null,
      measure: { unit: "ratio", value: 4.1, threshold: 3, baseline: 12_000 },
      target: "10.0.0.1:6379",
    });
    const folded = ["sale", "<!channel>"].map((name) => ({ ...incidentOf({ name }), foldedInto: skew.id }));
    const group = messageOf([skew], { folded });
    const body = JSON.stringify(slackMessage(alertText(group, { externalUrl })));
    checkSlackMessage(body);
    assert.ok(body.includes("`sale 2k/s, &lt;!channel&gt; 2k/s`"), body);
  });

  it("that is over has no advice", () => {
    const incident = incidentOf({ status: "resolved", resolvedAtMs: START_MS + 60_000, advice: ADVICE });
    const alert = alertText(messageOf([incident], { event: "resolved" }), { externalUrl });
    const body = JSON.stringify(slackMessage(alert));
    assert.equal(
      checkSlackMessage(body).blocks?.[0]?.text?.text,
      "🟢 Resolved: Key user:1 in shop has cooled",
    );
    assert.doesNotMatch(body, /local-cache/);
  });
});

describe("the receiver of Slack", () => {
  const signal = new AbortController().signal;

  async function slackOf(t: TestContext, answer: Answerer) {
    const service = await startWebhook(t, answer);
    const receiver: Receiver = createReceiver(
      { name: "ops", slack: { url: service.url }, allow: ["127.0.0.0/8"] },
      { clock: new SimulatedClock(START_MS), logger: silentLogger, externalUrl },
    );
    t.after(() => receiver.close?.());
    return { service, receiver };
  }

  it("posts blocks with a fallback text", async (t) => {
    const { service, receiver } = await slackOf(t, () => ({ status: 200, body: "ok" }));
    assert.deepEqual(await receiver.deliver(messageOf([fullOf(Buffer.from("user:1"))]), signal), {
      status: 200,
    });
    const [request] = service.requests;
    assert.equal(request?.headers["content-type"], "application/json");
    assert.ok(checkSlackMessage(String(request?.body)).blocks);
  });

  it("sends it as plain text where the form is refused", async (t) => {
    const { service, receiver } = await slackOf(t, (_, n) =>
      n === 0 ? { status: 400, body: "invalid_blocks" } : { status: 200, body: "ok" },
    );
    await receiver.deliver(messageOf([incidentOf({ advice: ADVICE })]), signal);
    assert.equal(service.requests.length, 2);
    const plain = checkSlackMessage(String(service.requests[1]?.body));
    assert.equal(plain.blocks, undefined);
    for (const expected of ["`Warning: Hot key user:1", "*Key*: `user:1`", "|local-cache>:"]) {
      assert.ok(plain.text.includes(expected), plain.text);
    }
  });

  it("gives up where that is refused too, and where it is not the form", async (t) => {
    let body = "invalid_payload";
    const { service, receiver } = await slackOf(t, () => ({ status: 400, body }));
    const isPermanent = (error: unknown) =>
      error instanceof DeliveryError && !error.retryable && error.message.includes(body);
    await assert.rejects(receiver.deliver(messageOf([incidentOf()]), signal), isPermanent);
    assert.equal(service.requests.length, 2);
    body = "user_not_found";
    await assert.rejects(receiver.deliver(messageOf([incidentOf()]), signal), isPermanent);
    assert.equal(service.requests.length, 3);
  });

  it("says for how long it is asked to wait, without another try", async (t) => {
    const { service, receiver } = await slackOf(t, () => ({ status: 429, headers: { "retry-after": "7" } }));
    await assert.rejects(receiver.deliver(messageOf([incidentOf()]), signal), (error: unknown) => {
      return error instanceof DeliveryError && error.retryable && error.retryAfterMs === 7000;
    });
    assert.equal(service.requests.length, 1);
    assert.equal(receiver.minIntervalMs, 1000);
  });
});
