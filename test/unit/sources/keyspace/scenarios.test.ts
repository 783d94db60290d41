import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { viewOf } from "../../../../src/panes/key-words.ts";
import { PaneRecorder } from "../../../../src/panes/recorder.ts";
import { budgetsOf } from "../../../../src/sources/keyspace/budgets.ts";
import { type EventDialect, EventTable } from "../../../../src/sources/keyspace/event-table.ts";
import { Tap } from "../../../../src/sources/keyspace/tap.ts";

interface Scenario {
  readonly name: string;
  readonly commands: readonly string[];
  readonly blocked?: string;
  readonly keys: readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[];
  readonly events: readonly {
    readonly servers: readonly string[];
    readonly seq: readonly (readonly [string, string, number?])[];
    readonly count?: Readonly<Record<string, string>>;
  }[];
}

const fixture = new URL("../../../fixtures/keyspace-scenarios.json", import.meta.url);
const { scenarios } = JSON.parse(readFileSync(fixture, "utf8")) as { scenarios: Scenario[] };

const DIALECTS: Record<string, EventDialect> = {
  "redis-7.0.15": { flavor: "redis", version: [7, 0] },
  "redis-8.6.3": { flavor: "redis", version: [8, 6] },
  "redis-unstable": { flavor: "redis", version: [8, 9] },
  "valkey-9.1.2": { flavor: "valkey", version: [9, 1] },
};

/** Commands that a script runs count as accesses of their own, as the server's own counters do. */
function commandsRun({ name, commands, keys }: Scenario): string[] {
  const inScripts = commands.flatMap((command) =>
    Array.from(command.matchAll(/redis\.call\('(\w+)'/g), (match) => match[1] ?? ""),
  );
  assert.ok(!name.startsWith("EVAL") || inScripts.length > 0);
  return [...keys.map(([command]) => command), ...inScripts].map((command) => command.toLowerCase());
}

/** Times that each key was truly touched; a key twice in one command is touched once. */
function touches(scenario: Scenario): Map<string, number> {
  const touched = new Map<string, number>();
  const add = (key: string, count: number) => touched.set(key, (touched.get(key) ?? 0) + count);
  for (const [command, keys] of scenario.keys) {
    const scripted = command === "EVAL" ? commandsRun(scenario).length - 1 : 1;
    for (const key of new Set(keys.map(([key]) => key))) add(key, scripted);
    if (command === "MOVE") add("k@1", 1);
  }
  return touched;
}

function replay(scenario: Scenario, server: string, seq: Scenario["events"][number]["seq"]) {
  const table = new EventTable(DIALECTS[server] ?? assert.fail(server));
  const recorder = new PaneRecorder(
    {
      agent: "a",
      cluster: "c",
      target: "t",
      vantage: "server-events",
      lengthMs: 1000,
      capacity: 64,
      bytesMax: 256 * 1024,
      publishMax: 64,
      buckets: 12,
      maybeClasses: table.maybes,
      commandNames: table.names.slice(1),
      ignored: () => false,
    },
    { startMs: 0, epoch: 1, nowMs: 0 },
  );
  const tap = new Tap(table, recorder);
  for (const [event, key, db = 0] of seq) {
    const bytes = Buffer.from(key);
    tap.event(db, table.codeOf(event), viewOf(bytes), 0, bytes.length);
  }
  const closing = tap.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
  const calls = new Map<string, number>();
  for (const command of commandsRun(scenario)) calls.set(command, (calls.get(command) ?? 0) + 1);
  const budgets = budgetsOf(table, (name) => tap.counts.sure[table.codeOf(name)] ?? 0, new Map(), calls);
  const [part] = closing.publish({
    sees: ["write", "miss"],
    complete: true,
    writesInDoubt: false,
    slots: null,
    totals: null,
    budgets,
  });
  assert.ok(part);
  const bounds = new Map<string, { lower: number; upper: number }>();
  const { entries } = part;
  for (let i = 0; i < entries.length; i++) {
    const text = Buffer.from(
      entries.keyBytes.subarray(entries.keyOffsets[i], entries.keyOffsets[i + 1]),
    ).toString();
    const key = entries.dbs[i] === 0 ? text : `${text}@${entries.dbs[i]}`;
    const lower = (entries.writes[i] ?? 0) + (entries.misses[i] ?? 0);
    bounds.set(key, { lower, upper: lower + (entries.maybes[i] ?? 0) });
  }
  assert.equal(part.floor, 0);
  return bounds;
}

/** Valkey 9 gives the same events for a time that is up and for a client's command with a past time. */
function isAmbiguous(server: string, seq: Scenario["events"][number]["seq"]): boolean {
  return server.startsWith("valkey") && seq.some(([event]) => event === "expired" || event === "hexpired");
}

for (const [server] of Object.entries(DIALECTS)) {
  test(`on ${server} bounds hold in every scenario, and meet where each access is named`, () => {
    let replayed = 0;
    for (const scenario of scenarios) {
      const recorded = scenario.events.find(({ servers }) => servers.includes(server));
      if (!recorded) continue;
      replayed++;
      assertBounds(scenario, server, recorded);
    }
    assert.ok(replayed >= 170, `${replayed} scenarios`);
  });
}

function assertBounds(scenario: Scenario, server: string, { seq, count }: Scenario["events"][number]): void {
  const bounds = replay(scenario, server, seq);
  const truth = touches(scenario);
  for (const [key, { lower }] of bounds) {
    const exact = truth.get(key) ?? 0;
    assert.ok(lower <= exact, `${scenario.name}: ${key}: lower ${lower}, truth ${exact}`);
  }
  for (const [key, event] of Object.entries(count ?? {})) {
    const { lower, upper } = bounds.get(key) ?? { lower: 0, upper: 0 };
    assert.ok(upper >= 1, `${scenario.name}: ${key}: ${event} is not within upper ${upper}`);
    const mustMeet = truth.get(key) === 1 && !isAmbiguous(server, seq);
    if (mustMeet) assert.equal(lower, upper, `${scenario.name}: ${key}: [${lower}, ${upper}]`);
  }
}
