import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { IncidentGroup } from "../../../../src/model/incident.ts";
import { incidentJson } from "../../../../src/model/incident-json.ts";
import { Notifier } from "../../../../src/notify/notifier.ts";
import { DeliveryError } from "../../../../src/notify/receivers/receiver.ts";
import { createReceivers } from "../../../../src/notify/receivers/registry.ts";
import { WebhookReceiver } from "../../../../src/notify/receivers/webhook.ts";
import { BODY_BYTES_MAX, webhookBody } from "../../../../src/notify/receivers/webhook-body.ts";
import { Ledger } from "../../../../src/runtime/accounting.ts";
import { systemClock } from "../../../../src/runtime/clock.ts";
import { silentLogger } from "../../../../src/runtime/logger.ts";
import { freePort } from "../../../support/free-port.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { incidentOf, START_MS } from "../../incidents/samples.ts";
import { routeTo } from "../scene.ts";

interface Got {
  readonly atMs: number;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function groupOf(changes: Partial<IncidentGroup> = {}): IncidentGroup {
  return {
    event: "firing",
    cluster: "shop",
    id: "msg_1",
    atMs: START_MS,
    incidents: [incidentOf()],
    more: 0,
    ...changes,
  };
}

describe("the webhook receiver", () => {
  const got: Got[] = [];
  let answer: (response: ServerResponse) => void;
  let server: Server;
  let url = "";
  let receivers: WebhookReceiver[] = [];

  beforeEach(async () => {
    got.length = 0;
    answer = (response) => response.end();
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const { method, url: path, headers } = request;
        got.push({ atMs: performance.now(), method, path, headers, body: Buffer.concat(chunks).toString() });
        answer(response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });
  afterEach(async () => {
    await Promise.all(receivers.map((receiver) => receiver.close()));
    receivers = [];
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function receiver(webhook: { url?: string; secret?: string } = {}, allow: string[] = []): WebhookReceiver {
    const made = new WebhookReceiver(
      { name: "hook", webhook: { url, ...webhook }, allow },
      new SimulatedClock(START_MS),
    );
    receivers.push(made);
    return made;
  }

  function failure(code: string, retryable: boolean) {
    return (error: unknown) =>
      error instanceof DeliveryError && error.code === code && error.retryable === retryable;
  }

  const never = new AbortController().signal;

  it("posts one incident by itself", async () => {
    await receiver().deliver(groupOf(), never);
    const [request] = got;
    assert.equal(request?.method, "POST");
    assert.equal(request?.path, "/hook");
    assert.equal(request?.headers["content-type"], "application/json");
    const body = JSON.parse(request?.body ?? "");
    assert.deepEqual(body, {
      type: "incident.firing",
      timestamp: "2026-11-23T17:00:00.000Z",
      data: JSON.parse(JSON.stringify(incidentJson(incidentOf()))),
    });
    await receiver().deliver(
      groupOf({ event: "resolved", incidents: [incidentOf({ status: "resolved" })] }),
      never,
    );
    assert.equal(JSON.parse(got[1]?.body ?? "").type, "incident.resolved");
  });

  it("signs id, timestamp and body with each of its secrets, and sends the id of the message", async () => {
    const raw = "a plain secret?".replaceAll(" ", "-");
    const bytes = Buffer.from("these are secret bytes");
    await receiver({ secret: `whsec_${bytes.toString("base64")} ${raw}` }).deliver(groupOf(), never);
    const headers = got[0]?.headers ?? {};
    assert.equal(headers["webhook-id"], "msg_1");
    assert.equal(headers["webhook-timestamp"], `${START_MS / 1000}`);
    const signed = `msg_1.${START_MS / 1000}.${got[0]?.body}`;
    const signatures = [bytes, Buffer.from(raw)].map(
      (key) => `v1,${createHmac("sha256", key).update(signed).digest("base64")}`,
    );
    assert.equal(headers["webhook-signature"], signatures.join(" "));
  });

  it("sends no signature without a secret", async () => {
    await receiver().deliver(groupOf(), never);
    assert.equal(got[0]?.headers["webhook-signature"], undefined);
    assert.equal(got[0]?.headers["webhook-id"], "msg_1");
  });

  it("sends user and password of its URL as a header", async () => {
    await receiver({ url: url.replace("//", "//user:p%40ss@") }).deliver(groupOf(), never);
    assert.equal(got[0]?.headers.authorization, `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
  });

  it("takes 4xx for refusals, and 5xx, throttling and redirects for failures of the moment", async () => {
    const statusOf = (status: number, headers = {}) => {
      answer = (response) => response.writeHead(status, headers).end("an answer");
      return receiver().deliver(groupOf(), never);
    };
    await assert.rejects(statusOf(400), failure("REJECTED", false));
    await assert.rejects(statusOf(500), failure("FAILED", true));
    await assert.rejects(statusOf(410), failure("GONE", false));
    await assert.rejects(statusOf(429, { "retry-after": "3" }), (error: unknown) => {
      return error instanceof DeliveryError && error.retryAfterMs === 3000;
    });
    await assert.rejects(statusOf(307, { location: `${url}/elsewhere` }), failure("FAILED", true));
    assert.deepEqual(new Set(got.map(({ path }) => path)), new Set(["/hook"]));
  });

  it("is unreachable where nobody listens, or the connection is cut", async () => {
    await assert.rejects(
      receiver({ url: `http://127.0.0.1:${await freePort()}` }).deliver(groupOf(), never),
      failure("UNREACHABLE", true),
    );
    answer = (response) => response.destroy();
    await assert.rejects(receiver().deliver(groupOf(), never), failure("UNREACHABLE", true));
  });

  it("ends its attempt when the signal aborts", async () => {
    const controller = new AbortController();
    answer = () => controller.abort();
    await assert.rejects(receiver().deliver(groupOf(), controller.signal), failure("UNREACHABLE", true));
  });

  it("does not wait for the rest of an answer that accepts", async () => {
    answer = (response) => {
      response.writeHead(200);
      response.write("and on it goes");
    };
    await receiver().deliver(groupOf(), never);
    assert.equal(got.length, 1);
  });

  it("sends nothing to addresses that are not allowed", async () => {
    await assert.rejects(
      receiver({}, ["10.0.0.0/8"]).deliver(groupOf(), never),
      failure("FORBIDDEN_ADDRESS", false),
    );
    await receiver({}, ["127.0.0.0/8"]).deliver(groupOf(), never);
    assert.equal(got.length, 1);
  });

  it("shows neither its URL nor its secret in an error", async () => {
    answer = (response) => response.destroy();
    const error = await receiver({ url: `${url}/token-in-path`, secret: "whsec_c2VjcmV0" })
      .deliver(groupOf(), never)
      .catch((thrown: Error) => thrown);
    assert.ok(error instanceof Error);
    const shown = JSON.stringify([error, error.stack, error.cause, String(error.cause)]);
    assert.doesNotMatch(shown, /token-in-path|c2VjcmV0/);
  });

  it("is called within 10 ms of the offer where groups do not wait", async () => {
    const config = [{ name: "hook", webhook: { url }, allow: [] }];
    const notifier = new Notifier({
      routes: [routeTo(["hook"], { burst: 1000 })],
      receivers: createReceivers(config, { clock: systemClock, logger: silentLogger }),
      rules: [],
      clock: systemClock,
      logger: silentLogger,
      ledger: new Ledger("notify"),
      onNotified: () => {},
    });
    const delays: number[] = [];
    for (let n = 0; n < 21; n++) {
      const offeredAtMs = performance.now();
      notifier.offer(incidentOf({ name: `key:${n}` }));
      while (got.length <= n) await new Promise((resolve) => setImmediate(resolve));
      delays.push((got[n]?.atMs ?? Number.POSITIVE_INFINITY) - offeredAtMs);
    }
    await notifier.close(1000);
    const median = delays.sort((one, other) => one - other)[10] ?? Number.POSITIVE_INFINITY;
    assert.ok(median < 10, `median ${median} ms`);
  });
});

describe("the body of a webhook", () => {
  it("carries several incidents as a group", () => {
    const incidents = [incidentOf({ name: "a" }), incidentOf({ name: "b" })];
    const body = JSON.parse(webhookBody(groupOf({ incidents })).toString());
    assert.equal(body.type, "incident.group");
    assert.deepEqual(
      body.data.incidents.map(({ key }: { key: string }) => key),
      ["a", "b"],
    );
    assert.equal(body.data.more, 0);
  });

  it("stays under 256 KiB, and says how many it leaves out", () => {
    const incidents = Array.from({ length: 5000 }, (_, n) => incidentOf({ name: `ключ:${n}` }));
    const bytes = webhookBody(groupOf({ incidents, more: 7 }));
    assert.ok(bytes.length <= BODY_BYTES_MAX && bytes.length > BODY_BYTES_MAX * 0.9);
    const { data } = JSON.parse(bytes.toString());
    assert.equal(data.incidents.length + data.more, 5007);
  });

  it("has one incident at least, whatever its size", () => {
    const { type, data } = JSON.parse(
      webhookBody(groupOf({ incidents: [incidentOf(), incidentOf()] }), 10).toString(),
    );
    assert.equal(type, "incident.group");
    assert.equal(data.incidents.length, 1);
    assert.equal(data.more, 1);
  });
});
