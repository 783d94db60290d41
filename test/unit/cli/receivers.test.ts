import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { receiversTestCommand } from "../../../src/cli/receivers.ts";
import { freePort } from "../../support/free-port.ts";
import { type Answerer, startWebhook } from "../../support/webhook.ts";
import { checkSlackMessage } from "../notify/receivers/slack-limits.ts";

describe("keyheat receivers test", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-receivers-"));
  after(() => rmSync(folder, { recursive: true }));

  async function run(name: string, receivers: readonly object[]) {
    const config = join(folder, "keyheat.json");
    writeFileSync(config, JSON.stringify({ receivers, http: { externalUrl: "https://keyheat.example" } }));
    let out = "";
    let err = "";
    const io = {
      out: { write: (text: string) => (out += text) },
      err: { write: (text: string) => (err += text) },
    };
    const code = await receiversTestCommand({ name, config }, { ...io, env: {} });
    return { code, out, err };
  }

  async function tryAt(t: TestContext, kind: "slack" | "webhook", answer: Answerer) {
    const service = await startWebhook(t, answer);
    const result = await run("ops", [
      { name: "log", log: {} },
      { name: "ops", [kind]: { url: service.url } },
    ]);
    return { ...result, service };
  }

  it("sends one marked alert, and says what came back", async (t) => {
    const { code, out, err, service } = await tryAt(t, "slack", () => ({ status: 200, body: "ok" }));
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^ops \(slack\) took the test alert \(HTTP 200\) after \d+ ms\n$/);
    assert.equal(service.requests.length, 1);
    const body = String(service.requests[0]?.body);
    assert.match(
      checkSlackMessage(body).blocks?.[0]?.text?.text ?? "",
      /^Test, nothing has happened\. Info: /,
    );
    assert.ok(body.includes("`keyheat:test`"), body);
  });

  it("marks the body of a webhook", async (t) => {
    const { code, service } = await tryAt(t, "webhook", () => ({ status: 204 }));
    assert.equal(code, 0);
    const { type, test, data } = JSON.parse(String(service.requests[0]?.body));
    assert.deepEqual(
      [type, test, data.key, data.severity],
      ["incident.firing", true, "keyheat:test", "info"],
    );
  });

  it("says with which status and reason it was refused, once", async (t) => {
    const { code, out, err, service } = await tryAt(t, "slack", () => ({
      status: 404,
      body: "no_service\u001b[2J",
    }));
    assert.deepEqual([code, out], [1, ""]);
    assert.match(
      err,
      /^keyheat: ops \(slack\) did not take the test alert, after \d+ ms: REJECTED, HTTP 404, it said: no_service\\u\{1b\}\[2J\n$/,
    );
    assert.equal(service.requests.length, 1);
  });

  it("says for how long it is asked to wait", async (t) => {
    const { code, err } = await tryAt(t, "webhook", () => ({
      status: 429,
      headers: { "retry-after": "30" },
    }));
    assert.equal(code, 1);
    assert.match(err, /THROTTLED, HTTP 429, it asks to wait 30 s\n$/);
  });

  it("says why nobody was reached", async () => {
    const { code, err } = await run("ops", [
      { name: "ops", webhook: { url: `http://127.0.0.1:${await freePort()}/` } },
    ]);
    assert.equal(code, 1);
    assert.match(err, /UNREACHABLE, connect ECONNREFUSED/);
  });

  it("names the receivers that there are", async () => {
    const { code, err } = await run("oops", [
      { name: "ops", log: {} },
      { name: "pager", log: {} },
    ]);
    assert.deepEqual([code, err], [2, 'keyheat: no receiver is called "oops"; there are: ops, pager\n']);
  });
});
