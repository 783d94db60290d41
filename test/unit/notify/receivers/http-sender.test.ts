import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { HttpSender } from "../../../../src/notify/receivers/http-sender.ts";
import { DeliveryError } from "../../../../src/notify/receivers/receiver.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { startWebhook } from "../../../support/webhook.ts";

const signal = new AbortController().signal;

function senderTo(t: TestContext, url: string, clock = new SimulatedClock()): HttpSender {
  const sender = new HttpSender({ url, allow: ["127.0.0.0/8"], clock, headers: { "x-team": "ops" } });
  t.after(() => sender.close());
  return sender;
}

/** A server that answers as `answer` says, in pieces where it likes. */
async function serve(t: TestContext, answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function refusalOf(sending: Promise<unknown>): Promise<DeliveryError> {
  const error = await sending.then(
    () => assert.fail("it was taken"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DeliveryError);
  return error;
}

test("headers of the service go with each request, and the status comes back", async (t) => {
  const service = await startWebhook(t, () => ({ status: 202, body: "{}" }));
  const sender = senderTo(t, service.url);
  assert.deepEqual(await sender.postJson('{"a":1}', signal, { "x-id": "7" }), { status: 202 });
  assert.deepEqual(await sender.get(signal), { status: 202 });
  const [post, get] = service.requests;
  const { headers } = post ?? {};
  assert.deepEqual([post?.method, headers?.["x-team"], headers?.["x-id"]], ["POST", "ops", "7"]);
  assert.deepEqual([get?.method, get?.headers["x-team"], get?.body.length], ["GET", "ops", 0]);
});

test("of what is said to a refusal, the beginning is kept", async (t) => {
  const service = await startWebhook(t, () => ({ status: 400, body: "x".repeat(100_000) }));
  const { reason, retryable } = await refusalOf(senderTo(t, service.url).postJson("{}", signal));
  assert.deepEqual([reason, retryable], ["x".repeat(1024), false]);
});

test("a refusal whose reason never ends is a refusal all the same", async (t) => {
  const clock = new SimulatedClock();
  const begun = Promise.withResolvers<void>();
  const url = await serve(t, (response) => {
    response.writeHead(400).write("no");
    begun.resolve();
  });
  const refused = refusalOf(senderTo(t, url, clock).postJson("{}", signal));
  await begun.promise;
  const ticking = setInterval(() => clock.advance(1000), 5);
  t.after(() => clearInterval(ticking));
  const { code, status } = await refused;
  assert.deepEqual([code, status], ["REJECTED", 400]);
});
