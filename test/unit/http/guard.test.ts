import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpError } from "../../../src/http/errors.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { makeConfig } from "./fake-views.ts";
import { ask, startServer } from "./requests.ts";

function outcome(http: Parameters<typeof makeConfig>[0], headers: Record<string, string>): string {
  try {
    createGuard(makeConfig(http).http)({ host: "localhost", ...headers });
    return "passes";
  } catch (error) {
    return (error as HttpError).code;
  }
}

test("addresses, localhost, the listed hosts and that of the external URL pass as Host", () => {
  const http = { hosts: ["keyheat.svc"], externalUrl: "https://Keyheat.Example/base" };
  for (const host of [
    "127.0.0.1:9380",
    "10.1.2.3",
    "[::1]:9380",
    "[2001:db8::1]",
    "localhost",
    "LOCALHOST:9380",
    "keyheat.svc:9380",
    "keyheat.example",
    "keyheat.example.:443",
  ]) {
    assert.equal(outcome(http, { host }), "passes", host);
  }
  for (const host of [
    "",
    "evil.example",
    "evil.example:9380",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1:9380:1",
    "[::1",
    "[evil.example]",
    "keyheat.example/",
    "::1",
  ]) {
    assert.equal(outcome(http, { host }), "HOST_REFUSED", host);
  }
});

test("a server without a token refuses what browsers send for pages of other origins", () => {
  for (const site of ["cross-site", "same-site"]) {
    assert.equal(outcome({}, { "sec-fetch-site": site }), "CROSS_ORIGIN_REFUSED");
  }
  for (const site of ["same-origin", "none"]) assert.equal(outcome({}, { "sec-fetch-site": site }), "passes");
});

test("with a token, only the token passes", () => {
  const http = { auth: { token: "s3cret" } };
  for (const authorization of ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret "]) {
    assert.equal(outcome(http, { authorization }), "passes", authorization);
  }
  for (const authorization of [
    "",
    "s3cret",
    "Basic s3cret",
    "Bearer",
    "Bearer s3cre",
    "Bearer s3crets",
    "Bearer s3cret x",
  ]) {
    assert.equal(outcome(http, { authorization }), "UNAUTHORIZED", authorization);
  }
});

test("all but the probes need the token and a known host", async (t) => {
  const { address } = await startServer(t, { config: makeConfig({ auth: { token: "s3cret" } }) });
  for (const path of ["/metrics", "/api/v1/hotkeys", "/api/v1/stream", "/nowhere"]) {
    const reply = await ask(address + path);
    assert.equal(reply.status, 401, path);
    assert.equal(reply.headers["www-authenticate"], 'Bearer realm="keyheat"');
    assert.deepEqual(reply.json().error.code, "UNAUTHORIZED");
    assert.doesNotMatch(reply.text, /s3cret/);
  }
  const headers = { authorization: "Bearer s3cret" };
  assert.equal((await ask(`${address}/api/v1/hotkeys`, { headers })).status, 200);
  const rebound = await ask(`${address}/api/v1/hotkeys`, { headers: { ...headers, host: "evil.example" } });
  assert.deepEqual([rebound.status, rebound.json().error.code], [403, "HOST_REFUSED"]);
  for (const path of ["/healthz", "/readyz"]) {
    assert.equal((await ask(address + path, { headers: { host: "kubelet.example" } })).status, 200, path);
  }
});

test("a page of another site is refused over HTTP, its probe of the process is not", async (t) => {
  const { address } = await startServer(t);
  const headers = { "sec-fetch-site": "cross-site" };
  const reply = await ask(`${address}/metrics`, { headers });
  assert.deepEqual([reply.status, reply.json().error.code], [403, "CROSS_ORIGIN_REFUSED"]);
  assert.equal((await ask(`${address}/healthz`, { headers })).status, 200);
});
