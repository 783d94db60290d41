import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pino } from "pino";
import { createServer } from "../../../src/http/server.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { waitFor } from "../../support/wait.ts";
import { makeConfig, makeViews } from "./fake-views.ts";
import { ask, askRaw, openSocket, startServer } from "./requests.ts";

function errorOf(reply: { json(): { error: { code: string; path: string } } }): string[] {
  const { error } = reply.json();
  assert.deepEqual(Object.keys(error), ["code", "message", "path"]);
  return [error.code, error.path];
}

test("probes say whether the process lives and works", async (t) => {
  let readiness = { ready: true, reasons: [] as string[], degraded: ["kafka is away"] };
  const { address } = await startServer(t, { views: makeViews({ readiness: () => readiness }) });
  assert.equal((await ask(`${address}/healthz`)).status, 200);
  const ready = await ask(`${address}/readyz`);
  assert.deepEqual([ready.status, ready.json()], [200, { ready: true, degraded: ["kafka is away"] }]);
  readiness = { ready: false, reasons: ["no target is watched"], degraded: [] };
  const away = await ask(`${address}/readyz`);
  assert.deepEqual([away.status, away.json()], [503, { ready: false, reasons: ["no target is watched"] }]);
});

test("metrics are served as Prometheus text, or not at all", async (t) => {
  const on = await startServer(t);
  const reply = await ask(`${on.address}/metrics`);
  assert.equal(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(reply.text, "keyheat_up 1\n");
  const off = await startServer(t, { views: makeViews({ prometheus: null }) });
  const refused = await ask(`${off.address}/metrics`);
  assert.deepEqual([refused.status, ...errorOf(refused)], [404, "NOT_FOUND", "/metrics"]);
});

test("the page of remedies, and all that it links to, is open to whoever follows a link from an alert", async (t) => {
  const { address } = await startServer(t, { config: makeConfig({ auth: { token: "s3cret" } }) });
  const ofPage = async (path: string) => {
    const reply = await ask(address + path, { headers: { host: "keyheat.example" } });
    assert.equal(reply.status, 200, path);
    assert.equal(reply.headers["content-type"], "text/markdown; charset=utf-8");
    assert.equal(reply.headers["x-content-type-options"], "nosniff");
    return reply.text;
  };
  const advice = await ofPage("/docs/advice");
  assert.match(advice, /^## local-cache$/m);
  const linked = [...advice.matchAll(/\]\(([a-z-]+(?:\/[a-z-]+)?\.md)\)/g)].map(([, path]) => path);
  assert.ok(linked.length >= 8, `${linked}`);
  for (const path of linked) assert.match(await ofPage(`/docs/${path}`), /^# /);
  for (const path of ["/docs/remedies/none.md", "/docs/remedies/..%2fclient.md", "/docs/operations.md"]) {
    assert.equal(
      (await ask(address + path, { headers: { authorization: "Bearer s3cret" } })).status,
      404,
      path,
    );
  }
});

test("an installed Keyheat has the pages", () => {
  const packed: { files: string[] } = JSON.parse(
    readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
  );
  for (const folder of ["docs", "examples"]) assert.ok(packed.files.includes(folder), folder);
});

test("every answer has the security headers and none allows other origins", async (t) => {
  const { address } = await startServer(t);
  for (const path of ["/healthz", "/api/v1/hotkeys", "/nowhere", "/api/v1/hotkeys?limit=x", "/%zz"]) {
    const { headers } = await ask(address + path, { headers: { origin: "http://evil.example" } });
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["cache-control"], "no-store", path);
    assert.match(`${headers["content-security-policy"]}`, /^default-src 'none'/, path);
    assert.equal(headers["access-control-allow-origin"], undefined, path);
  }
});

test("what is not there is 404, and what later issues bring is not there yet", async (t) => {
  const { address } = await startServer(t);
  for (const [method, path] of [
    ["GET", "/nowhere"],
    ["GET", "/api/v1/silences"],
    ["POST", "/api/v1/silences"],
    ["POST", "/v1/samples"],
    ["POST", "/v1/traces"],
    ["GET", "/v1/hotset"],
  ] as const) {
    const body = method === "POST" ? { body: "{", headers: { "content-type": "text/xml" } } : {};
    const reply = await ask(`${address}${path}?key=secret`, { method, ...body });
    assert.deepEqual([reply.status, ...errorOf(reply)], [404, "NOT_FOUND", path]);
  }
});

test("a method that a path does not know is 405 and names those that it knows", async (t) => {
  const { address } = await startServer(t);
  for (const [method, path, allow] of [
    ["POST", "/api/v1/hotkeys", "GET, HEAD"],
    ["DELETE", "/healthz", "GET, HEAD"],
    ["OPTIONS", "/api/v1/coverage", "GET, HEAD"],
    ["POST", "/api/v1/stream", "GET"],
  ] as const) {
    const reply = await ask(address + path, { method });
    assert.deepEqual([reply.status, ...errorOf(reply)], [405, "METHOD_NOT_ALLOWED", path]);
    assert.equal(reply.headers.allow, allow);
  }
  assert.equal((await ask(`${address}/api/v1/stream`, { method: "HEAD" })).status, 405);
  assert.equal((await ask(`${address}/api/v1/hotkeys`, { method: "HEAD" })).status, 200);
});

test("a body of more than 1 MiB is refused before it is read", async (t) => {
  const { address } = await startServer(t);
  const answer = await askRaw(
    address,
    "POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048577\r\n\r\n",
  );
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /"code":"BODY_TOO_LARGE"/);
});

test("what is no request is answered in the common shape", async (t) => {
  const { address } = await startServer(t);
  const broken = await askRaw(address, "NONSENSE\r\n\r\n");
  assert.match(
    broken,
    /^HTTP\/1\.1 400 [\s\S]*"error":\{"code":"BAD_REQUEST","message":"bad request","path":""\}/,
  );
  const long = await askRaw(address, `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(20_000)}\r\n\r\n`);
  assert.match(long, /^HTTP\/1\.1 431 [\s\S]*"HEADERS_TOO_LARGE"/);
  const url = await ask(`${address}/%zz`);
  assert.deepEqual([url.status, ...errorOf(url)], [400, "BAD_REQUEST", "/%zz"]);
});

test("a failure inside tells the caller nothing and the log once", async (t) => {
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(line) });
  let isBroken = true;
  const views = makeViews({
    incidents: () => {
      if (isBroken) throw new Error("secret inside");
      return [];
    },
  });
  const { address } = await startServer(t, { views, logger });
  for (let i = 0; i < 3; i++) {
    const reply = await ask(`${address}/api/v1/incidents`);
    assert.deepEqual([reply.status, ...errorOf(reply)], [500, "INTERNAL", "/api/v1/incidents"]);
    assert.doesNotMatch(reply.text, /secret/);
  }
  assert.equal(lines.filter((line) => line.includes("secret inside")).length, 1);
  isBroken = false;
  assert.equal((await ask(`${address}/api/v1/incidents`)).status, 200);
  await waitFor("the log", () => lines.some((line) => line.includes("requests work again")));
});

test("a port that is taken is named, and leaves nothing behind", async (t) => {
  const { address } = await startServer(t);
  const port = Number(new URL(address).port);
  const views = makeViews();
  await assert.rejects(
    createServer({
      config: makeConfig({ listen: { host: "127.0.0.1", port } }),
      views,
      logger: silentLogger,
    }),
    {
      code: "EADDRINUSE",
      retryable: true,
      message: `cannot listen on 127.0.0.1:${port}: the port is taken by another process`,
    },
  );
  assert.equal(views.listeners, 0);
});

test("IPv6 and localhost are listened to, and shown as URLs", async (t) => {
  const six = await startServer(t, { config: makeConfig({ listen: { host: "::1", port: 0 } }) });
  assert.match(six.address, /^http:\/\/\[::1\]:\d+$/);
  assert.equal((await ask(`${six.address}/api/v1/coverage`)).status, 200);
  const local = await startServer(t, { config: makeConfig({ listen: { host: "localhost", port: 0 } }) });
  assert.equal((await ask(`${local.address}/api/v1/coverage`)).status, 200);
});

test("closing ends idle connections and streams at once", async () => {
  const views = makeViews();
  const server = await createServer({ config: makeConfig(), views, logger: silentLogger });
  const idle = openSocket(server.address);
  const streaming = openSocket(server.address);
  streaming.write("GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
  let text = "";
  streaming.on("data", (piece) => {
    text += piece;
  });
  idle.on("error", () => {});
  await waitFor("the first event", () => text.includes("event: coverage"));
  const closed = Promise.all(
    [idle, streaming].map((socket) => new Promise((done) => socket.on("close", done))),
  );
  await server.close();
  await closed;
  assert.equal(views.listeners, 0);
});
