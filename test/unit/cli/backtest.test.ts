import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { progressLines } from "../../../src/cli/backtest/progress.ts";
import { parseTime } from "../../../src/cli/backtest/times.ts";
import { type BacktestCommandOptions, backtestCommand } from "../../../src/cli/backtest.ts";
import { ConfigError } from "../../../src/config/load.ts";
import { Recording } from "../../../src/recording/recording.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

interface Folder {
  readonly recording: string;
  rules(threshold: string): Promise<string>;
}

/** A recording of two minutes in which `sale:1` has 5,000 writes a second for a while, and rules to try. */
async function folder(t: TestContext): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "keyheat-backtest-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  const recording = join(path, "monday.rec");
  const clock = new SimulatedClock();
  const options = { bytesMax: 2 ** 30, overwrite: false, clock, logger: silentLogger };
  const recorder = await Recording.open(recording, options);
  for (let second = 0; second < 120; second++) {
    const startMs = clock.now();
    clock.advance(1000);
    const rows = second >= 10 && second < 40 ? [{ key: "sale:1", write: 5000 }] : [];
    recorder.add([makeReport({ atMs: clock.now() }), makePart({ startMs, rows })]);
  }
  await recorder.close(5000);
  const rules = async (threshold: string) => {
    const file = join(path, `rules-${threshold.replace("/", "-")}.yaml`);
    await writeFile(file, rulesText(threshold));
    return file;
  };
  return { recording, rules };
}

/** What it names beside rules is not there, and need not be. */
const rulesText = (threshold: string) => `
targets: [{ url: "redis://\${USER}:\${NO_SUCH_VARIABLE}@10.0.0.1:6379" }]
http: { listen: "0.0.0.0:9380", auth: { tokenFile: /nowhere/token } }
rules:
  - { name: hot, type: rate, window: 10s, threshold: ${threshold}, keepFiringFor: 5s, cooldown: 30s }
receivers:
  - { name: phone, webhook: { url: "\${NO_SUCH_VARIABLE}", secretFile: /nowhere/secret } }
  - { name: chat, log: {} }
routes: [{ receivers: [phone] }]
`;

async function run(options: BacktestCommandOptions) {
  const out: string[] = [];
  const err: string[] = [];
  const signal = new AbortController().signal;
  const io = {
    out: { write: (text: string) => out.push(text) },
    err: { write: (text: string) => err.push(text) },
  };
  const code = await backtestCommand(options, { ...io, env: {}, signal });
  return { code, out: out.join(""), err: err.join("") };
}

test("a recording and rules give a table of incidents, receivers and days", async (t) => {
  const { recording, rules } = await folder(t);
  const { code, out } = await run({ file: recording, rules: await rules("1000/s") });
  assert.equal(code, 0);
  assert.deepEqual(
    out.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | ")),
    [
      "2026-11-23T17:00:01.000Z to 2026-11-23T17:02:00.000Z: 1 incident, 2 pages",
      "",
      "rule | severity | key | node | fired | resolved | peak | first page",
      "hot | warning | sale:1 | 10.0.0.1:6379 | 2026-11-23T17:00:12.000Z | 2026-11-23T17:01:12.100Z | 5000/s | after 0.1 s",
      "",
      "receiver | messages | of which pages | incidents told | saved by grouping | silent in the cooldown",
      "phone | 3 | 2 | 1 | 0 | 0",
      "chat | 0 | 0 | 0 | 0 | 0",
      "",
      "day (UTC) | rule | incidents | pages",
      "2026-11-23 | hot | 1 | 2",
      "",
    ],
  );
});

test("with --json it is one document, the same each time", async (t) => {
  const { recording, rules } = await folder(t);
  const options = { file: recording, rules: await rules("1000/s"), json: true };
  const { out } = await run(options);
  const { from, complete, notes, incidents, messages, summary } = JSON.parse(out);
  assert.equal(from, "2026-11-23T17:00:01.000Z");
  assert.deepEqual([complete, notes], [true, []]);
  assert.deepEqual(
    incidents.map(({ key, status, rule }: Record<string, unknown>) => [key, status, rule]),
    [["sale:1", "resolved", "hot"]],
  );
  assert.deepEqual(
    messages.map(({ receiver, event, incidents: ids }: Record<string, unknown>) => [receiver, event, ids]),
    ["firing", "firing", "resolved"].map((event) => ["phone", event, [incidents[0].id]]),
  );
  assert.equal(summary.pages, 2);
  assert.equal((await run(options)).out, out);
});

test("another threshold would have paged nobody", async (t) => {
  const { recording, rules } = await folder(t);
  const { code, out } = await run({ file: recording, rules: await rules("9000/s") });
  assert.equal(code, 0);
  assert.match(out, /: 0 incidents, 0 pages\n/);
  assert.doesNotMatch(out, /sale:1/);
});

test("two sets of rules are compared: who would have had more, and which keys only one calls hot", async (t) => {
  const { recording, rules } = await folder(t);
  const options = { file: recording, rules: await rules("9000/s"), against: await rules("1000/s") };
  const { out } = await run(options);
  const lines = out.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | "));
  assert.match(lines[0] ?? "", /: 0 incidents, 0 pages$/);
  assert.deepEqual(lines.slice(lines.indexOf("against: 1 incident, 2 pages")), [
    "against: 1 incident, 2 pages",
    "",
    "receiver | pages | pages against | incidents told | incidents told against",
    "phone | 0 | 2 | 0 | 1",
    "chat | 0 | 0 | 0 | 0",
    "",
    "hot only under those it is compared with:",
    " | default: sale:1",
    "",
  ]);
  const { incidents, against } = JSON.parse((await run({ ...options, json: true })).out);
  assert.deepEqual([incidents.length, against.incidents.length, against.summary.pages], [0, 1, 2]);
});

test("everything that is wrong with the options is said at once", async () => {
  const refused = run({ from: "yesterday", to: "2026-11-28 09:00" });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.problems.map(({ path }) => path),
      ["--from", "--to", "--rules"],
    );
    return true;
  });
  await assert.rejects(run({ config: "keyheat.yaml" }), /--from: is missing/);
  await assert.rejects(run({ rules: "keyheat.yaml" }), /--from: is missing.*--file/);
  const file = "monday.rec";
  await assert.rejects(run({ rules: "a.yaml", file, from: "-1h", to: "-2h" }), /--to: expected a time after/);
});

test("a time of which nothing is recorded is refused, not told as a quiet one", async (t) => {
  const { recording, rules } = await folder(t);
  const options = { rules: await rules("1000/s"), file: recording };
  await assert.rejects(
    run({ ...options, from: "2026-11-24" }),
    /--from: nothing was published after 2026-11-24T00:00/,
  );
  const before = { from: "2026-11-22T10:00:00Z", to: "2026-11-22T11:00:00Z" };
  await assert.rejects(run({ ...options, ...before }), /--to: nothing was published before 2026-11-23T17:00/);
  const { out } = await run({ ...options, from: "2026-11-22" });
  assert.match(out, /^2026-11-23T17:00:0/, "what is told begins where the recording does");
});

test("a file that is no recording is refused by its name", async (t) => {
  const { rules } = await folder(t);
  const file = await rules("1000/s");
  await assert.rejects(run({ file, rules: file }), /rules-1000-s\.yaml is not a recording of Keyheat/);
});

test("times are moments with a zone, ages, or now", () => {
  const nowMs = Date.UTC(2026, 10, 28, 12);
  assert.equal(parseTime("now", nowMs), nowMs);
  assert.equal(parseTime("-2h", nowMs), nowMs - 7_200_000);
  assert.equal(parseTime("-90s", nowMs), nowMs - 90_000);
  assert.equal(parseTime("2026-11-28T09:00:00Z", nowMs), Date.UTC(2026, 10, 28, 9));
  assert.equal(parseTime("2026-11-28T09:00+01:00", nowMs), Date.UTC(2026, 10, 28, 8));
  assert.equal(parseTime("2026-11-28", nowMs), Date.UTC(2026, 10, 28));
  for (const text of ["", "2h", "-2", "2026-11-28T09:00:00", "2026-13-28", "9:00", "NaN"]) {
    assert.equal(parseTime(text, nowMs), null, text);
  }
});

test("progress is said each two seconds, with the time that is reached", () => {
  let monotonicMs = 0;
  const said: string[] = [];
  const past = {
    batches: (async function* () {})(),
    progress: () => 0.429,
    notes: () => [],
    close: async () => {},
  };
  const tell = progressLines(past, { write: (text) => said.push(text) }, () => monotonicMs);
  for (; monotonicMs < 5000; monotonicMs += 500) tell(Date.UTC(2026, 10, 28, 9));
  const line = "keyheat: 42% read, replayed up to 2026-11-28T09:00:00.000Z\n";
  assert.deepEqual(said, [line, line]);
});
