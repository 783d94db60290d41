import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RecordingReader } from "../../src/recording/reader.ts";
import { Recording } from "../../src/recording/recording.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { runKeyheat } from "../support/command-line.ts";
import { freePort } from "../support/free-port.ts";
import { makePart } from "../support/parts.ts";
import { load, startRedis, waitFor } from "../support/redis.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";
import { type ReceivedRequest, startWebhook } from "../support/webhook.ts";

/** The cooldown is longer than the key stays hot, so that nobody is reminded of it. */
const RULE = {
  name: "hot",
  type: "rate",
  window: "2s",
  threshold: "100/s",
  keepFiringFor: "1s",
  cooldown: "8s",
};

interface Rig {
  readonly folder: string;
  readonly recording: string;
  file(name: string, config: object): Promise<string>;
}

async function startRig(t: TestContext): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-backtest-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = async (name: string, config: object) => {
    const path = join(folder, name);
    await writeFile(path, JSON.stringify(config));
    return path;
  };
  return { folder, recording: join(folder, "past.rec"), file };
}

/** A standalone with this config that records, once it is ready. */
async function startRecorded(t: TestContext, { folder, recording, file }: Rig, settings: object) {
  const port = await freePort();
  const config = await file("keyheat.yaml", { ...settings, http: { listen: `127.0.0.1:${port}` } });
  const args = ["standalone", "--config", config, "--data-dir", join(folder, "data"), "--record", recording];
  const standalone = runKeyheat(t, args);
  await waitFor("readiness", async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200);
  return { config, args, standalone };
}

interface Page {
  readonly type: string;
  readonly data: { readonly id: string; readonly incidents?: readonly { readonly id: string }[] };
}

/** What a message told of whom: `incident.firing ID`. */
function toldOf(request: ReceivedRequest): string[] {
  const { type, data } = request.json() as Page;
  const ids = data.incidents?.map(({ id }) => id) ?? [data.id];
  return ids.map((id) => `${type} ${id}`);
}

interface Backtest {
  readonly complete: boolean;
  readonly incidents: readonly { readonly id: string; readonly key: string }[];
  readonly messages: readonly { readonly event: string; readonly incidents: readonly string[] }[];
  readonly summary: { readonly pages: number };
}

async function backtest(t: TestContext, args: readonly string[]): Promise<Backtest> {
  const command = runKeyheat(t, ["backtest", ...args, "--json"]);
  assert.equal(await command.ended(), 0, command.output);
  // Progress is said before, on a slow machine.
  return JSON.parse(command.output.slice(command.output.indexOf("{")));
}

test("a backtest with the rules that ran finds what they found; other rules find something else", async (t) => {
  const rig = await startRig(t);
  const { recording, file } = rig;
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AKEm"] });
  const webhook = await startWebhook(t);
  const common = {
    grace: "500ms",
    windows: ["2s"],
    rules: [RULE],
    receivers: [{ name: "hook", webhook: { url: webhook.url } }],
    routes: [{ receivers: ["hook"], groupWait: "0s" }],
  };
  const { config, args, standalone } = await startRecorded(t, rig, {
    ...common,
    targets: [{ url: redis.url }],
  });

  const heating = new AbortController();
  const hot = heat(redis.port, "sale:1", heating.signal);
  await webhook.received(1);
  heating.abort();
  await hot;
  const isResolved = (request: ReceivedRequest) => (request.json() as Page).type === "incident.resolved";
  await webhook.received(1, { matches: isResolved });
  const before = await blocksIn(recording);
  await waitFor(
    "what came at that time to be in the file",
    async () => (await blocksIn(recording)) >= before + 2,
  );
  const { code } = await standalone.stop("SIGTERM");
  assert.equal(code, 0, standalone.output);
  assert.equal((await stat(recording)).mode & 0o777, 0o600);

  const told = webhook.requests.flatMap(toldOf);
  const same = await backtest(t, ["--file", recording, "--rules", config]);
  assert.equal(same.complete, true);
  assert.deepEqual(
    same.incidents.map(({ id, key }) => [id, key]),
    [[told[0]?.replace("incident.firing ", ""), "sale:1"]],
  );
  const replayed = same.messages.flatMap(({ event, incidents }) =>
    incidents.map((id) => `incident.${event} ${id}`),
  );
  assert.deepEqual(replayed, told);
  assert.equal(same.summary.pages, 1);

  const rules = [{ ...RULE, threshold: "1000000/s" }];
  const strict = await file("strict.yaml", { ...common, rules });
  const none = await backtest(t, ["--file", recording, "--rules", strict]);
  assert.deepEqual([none.incidents, none.messages, none.summary.pages], [[], [], 0]);

  const again = runKeyheat(t, args);
  assert.equal(await again.ended(), 1);
  assert.match(again.output, /past\.rec cannot be written: it exists already/);
});

test("a recording whose process was killed is read up to there", async (t) => {
  const rig = await startRig(t);
  const { recording } = rig;
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AKEm"] });
  const rules = [RULE];
  const common = { grace: "500ms", windows: ["2s"], rules, receivers: [{ name: "log", log: {} }] };
  const { config, standalone } = await startRecorded(t, rig, { ...common, targets: [{ url: redis.url }] });
  const heating = new AbortController();
  const hot = heat(redis.port, "sale:2", heating.signal);
  await standalone.says(/hot key firing/, 30_000);
  const before = await blocksIn(recording);
  // The last one will be torn; the one that tells of the heat is in the file within a second.
  await waitFor("three more blocks", async () => (await blocksIn(recording)) >= before + 3);
  await standalone.stop("SIGKILL");
  heating.abort();
  await hot;
  const bytes = await readFile(recording);
  await writeFile(recording, bytes.subarray(0, bytes.length - 1));
  const found = await backtest(t, ["--file", recording, "--rules", config]);
  assert.deepEqual(
    found.incidents.map(({ key }) => key),
    ["sale:2"],
  );
});

test("an interrupt ends a long replay soon, with what was found until then", async (t) => {
  const { recording, file } = await startRig(t);
  const clock = new SimulatedClock();
  const options = { bytesMax: 2 ** 30, overwrite: false, clock, logger: silentLogger };
  const recorder = await Recording.open(recording, options);
  for (let second = 0; second < 10; second++) {
    const startMs = clock.now();
    clock.advance(1000);
    recorder.add([makePart({ startMs, rows: [{ key: "sale:3", write: 5000 }] })]);
  }
  // Days in which nothing comes take their time, too: rules may be about that.
  for (let gap = 0; gap < 20; gap++) {
    clock.advance(6 * 86_400_000);
    recorder.add([makePart({ startMs: clock.now() - 1000 })]);
  }
  await recorder.close(5000);
  const rules = await file("rules.yaml", { windows: ["2s"], rules: [RULE] });
  const command = runKeyheat(t, ["backtest", "--file", recording, "--rules", rules]);
  await command.says(/keyheat: \d+% read, replayed up to 202\S+Z/, 60_000);
  const { code, tookMs } = await command.stop("SIGINT");
  assert.equal(code, 0, command.output);
  assert.ok(tookMs < 5000, `${tookMs} ms`);
  assert.match(command.output, /: 1 incident, \d+ pages\ninterrupted: what came later was not replayed\n/);
  assert.match(command.output, /sale:3/);
});

/** How many blocks of a recording can be read. */
async function blocksIn(recording: string): Promise<number> {
  const reader = await RecordingReader.open(recording);
  let count = 0;
  for await (const _ of reader.blocks()) count++;
  await reader.close();
  return count;
}

/** Writes a key some hundred times a second until the signal aborts. */
async function heat(port: number, key: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await load(port, 100, () => ["SET", key, "v"], 500);
}
