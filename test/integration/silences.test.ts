import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type CommandLine, runKeyheat } from "../support/command-line.ts";
import { type Keyheat, startKeyheat } from "../support/keyheat.ts";
import { load, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook, type TestWebhook } from "../support/webhook.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

function fileFor(webhookUrl: string) {
  return {
    receivers: [{ name: "hook", webhook: { url: webhookUrl } }],
    routes: [{ receivers: ["hook"], groupWait: "0s" }],
  };
}

/** Writes `key` about 500 times a second until the test ends. */
function heat(t: TestContext, port: number, key: string): void {
  let isHot = true;
  const heating = (async () => {
    while (isHot) await load(port, 100, () => ["SET", key, "v"], 500);
    // The server may end first.
  })().catch(() => {});
  t.after(async () => {
    isHot = false;
    await heating;
  });
}

function keysTold(webhook: TestWebhook): string[] {
  return webhook.requests.flatMap((request) => {
    const { data } = request.json() as { data: { key: string; incidents?: { key: string }[] } };
    return (data.incidents ?? [data]).map(({ key }) => key);
  });
}

async function run(
  t: TestContext,
  args: readonly string[],
): Promise<{ code: number | null } & Pick<CommandLine, "output">> {
  const command = runKeyheat(t, args);
  const code = await command.ended();
  return { code, output: command.output };
}

interface ShownIncident {
  readonly key: string;
  readonly status: string;
  readonly muted: string | null;
}

function muted(keyheat: Keyheat, key: string, as: string | null): Promise<ShownIncident> {
  return waitFor(`${key} to fire, muted: ${as}`, async () => {
    const { incidents } = await keyheat.api<{ incidents: ShownIncident[] }>("incidents");
    const incident = incidents.find((one) => one.key === key && one.status === "firing");
    if (incident && incident.muted !== as) throw new Error(`it is muted: ${incident.muted}`);
    return incident;
  });
}

describe("silences of a standalone", { concurrency: 2 }, () => {
  it("made on the command line keep a key from being told, also over a restart, until they are removed", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const webhook = await startWebhook(t);
    const dataDir = await mkdtemp(join(tmpdir(), "keyheat-silences-"));
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const options = { redisUrls: [server.url], dataDir, file: fileFor(webhook.url) };
    const before = await startKeyheat(t, options);
    await before.ready();
    const { url } = before.standalone;
    const added = await run(t, ["silence", "add", "--key", "sale:*", "--for", "1h", "--url", url]);
    assert.equal(added.code, 0, added.output);
    const id = added.output.trim();
    heat(t, server.port, "sale:1");
    await muted(before, "sale:1", "silenced");
    heat(t, server.port, "cart:1");
    await webhook.received(1);
    assert.deepEqual(keysTold(webhook), ["cart:1"]);
    await before.stop();

    const after = await startKeyheat(t, options);
    await after.ready();
    await muted(after, "sale:1", "silenced");
    const listed = await run(t, ["silence", "list", "--url", after.standalone.url]);
    assert.match(listed.output, new RegExp(`${id} +active .*key=sale:\\*`));
    assert.deepEqual(keysTold(webhook), ["cart:1"]);
    const removed = await run(t, ["silence", "remove", id, "--url", after.standalone.url]);
    assert.equal(removed.code, 0, removed.output);
    await webhook.received(2);
    assert.deepEqual(keysTold(webhook), ["cart:1", "sale:1"]);
    await muted(after, "sale:1", null);
    assert.equal((await run(t, ["silence", "remove", id, "--url", after.standalone.url])).code, 1);
  });

  it("end by themselves, and what still fires is told then", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const webhook = await startWebhook(t);
    const keyheat = await startKeyheat(t, { redisUrls: [server.url], file: fileFor(webhook.url) });
    await keyheat.ready();
    const endsAtMs = Date.now() + 8000;
    const response = await fetch(`${keyheat.standalone.url}/api/v1/silences`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ matchers: { key: "*" }, endsAt: new Date(endsAtMs).toISOString() }),
    });
    assert.equal(response.status, 201);
    heat(t, server.port, "sale:2");
    const [first] = await webhook.received(1);
    assert.ok((first?.atMs ?? 0) >= endsAtMs, "it was told within the silence");
    assert.deepEqual(keysTold(webhook), ["sale:2"]);
  });
});
