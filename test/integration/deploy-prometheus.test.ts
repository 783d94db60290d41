import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { dashboards, panelQueries, variableQueries } from "../support/dashboards.ts";
import { ROOT } from "../support/documentation.ts";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startKeyheat } from "../support/keyheat.ts";
import {
  type ActiveAlert,
  amtool,
  checkExample,
  type Prometheus,
  promtool,
  RULE_TESTS_FILE,
  RULES_FILE,
  startPrometheus,
} from "../support/prometheus.ts";
import { command, startRedis, type TestServer } from "../support/redis.ts";
import { startLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const TOKEN = "a-token-of-a-test";
const HOT_KEY = 'flag:"checkout"\\new';
const ALERTMANAGER_FILE = join(ROOT, "deploy/compose/alertmanager.yml");
const DATA_TIMEOUT_MS = 120_000;

const kafka = sharedKafka();

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
}

interface Query {
  readonly of: string;
  readonly expr: string;
  /** Of a variable: the label whose values it has. */
  readonly label?: string;
}

test("the example config, the rules and their tests are right", async (t) => {
  const runs = [
    await checkExample(t),
    await promtool("check", "rules", "--lint-fatal", RULES_FILE),
    await promtool("test", "rules", RULE_TESTS_FILE),
  ];
  for (const { code, output } of runs) assert.equal(code, 0, output);
});

test("Alertmanager's example config is right", async (t) => {
  if (!existsSync(ALERTMANAGER_FILE)) return t.skip("there is none in deploy/compose");
  const { code, output } = await amtool("check-config", ALERTMANAGER_FILE);
  assert.equal(code, 0, output);
});

test("of a standalone that is scraped with its token, every panel, variable and alert has data, and what is wrong is told", async (t) => {
  const redis = await startRedis(t);
  const keyheat = await startKeyheat(t, {
    file: {
      targets: [{ url: redis.url }],
      sources: { keyspace: { configure: "ensure" } },
      http: { listen: "127.0.0.1:0", auth: { tokenFile: tokenFile(t) } },
      receivers: [await refusingReceiver(t)],
    },
  });
  await keyheat.ready();
  const { url } = keyheat.standalone;
  const prometheus = await startPrometheus(t, { targets: { keyheat: [new URL(url).host] }, token: TOKEN });
  await makeTrouble(t, { redis, prometheus, agentUrl: url });
  await everythingHasData(prometheus);
  await told(prometheus, "firing", ["KeyheatHotKey", "KeyheatNotificationsFailing"]);
  await redis.stop();
  await told(prometheus, "pending", ["KeyheatBlind"]);
});

test("the same of an agent and an aggregator over Kafka", kafka.needed(), async (t) => {
  const redis = await startRedis(t);
  const fleet = new Fleet(t, { brokers: kafka.get().brokers });
  await fleet.createTopics();
  const agent = await fleet.agent([redis.url]);
  const aggregator = await fleet.aggregator(null, { receivers: [await refusingReceiver(t)] });
  await Promise.all([agent.ready(), aggregator.ready()]);
  const targets = { keyheat: [new URL(aggregator.url).host], "keyheat-agent": [new URL(agent.url).host] };
  const prometheus = await startPrometheus(t, { targets, token: TOKEN });
  await makeTrouble(t, { redis, prometheus, agentUrl: agent.url });
  await everythingHasData(prometheus);
  await told(prometheus, "firing", ["KeyheatHotKey", "KeyheatNotificationsFailing"]);
  await redis.stop();
  await told(prometheus, "pending", ["KeyheatBlind"]);
});

function tokenFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-token-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "token");
  writeFileSync(path, TOKEN);
  return path;
}

/** One that refuses for good: no retry helps. */
async function refusingReceiver(t: TestContext) {
  const hook = await startWebhook(t, () => ({ status: 400 }));
  return { name: "hook", webhook: { url: hook.url } };
}

interface Scene {
  readonly redis: TestServer;
  readonly prometheus: Prometheus;
  readonly agentUrl: string;
}

/** A key hot by writes and misses; then a gap, and samples that are refused: panels of trouble have data, too. */
async function makeTrouble(t: TestContext, { redis, prometheus, agentUrl }: Scene): Promise<void> {
  // Counters have to be scraped once before they grow.
  await hasData(prometheus, [
    { of: "gaps", expr: "keyheat_tap_gaps_total" },
    { of: "drops", expr: 'keyheat_dropped_total{stage="ingest"}' },
    { of: "messages", expr: "keyheat_notifications_total" },
  ]);
  const commands = [
    ["SET", HOT_KEY, "1"],
    ["DEL", HOT_KEY],
    ["GET", HOT_KEY],
  ];
  await startLoad(t, redis.port, 1500, (i) => commands[i % commands.length] ?? []);
  await hasData(prometheus, [{ of: "events", expr: "rate(keyheat_events_total[1m]) > 0" }]);
  await command(redis.port, ["CLIENT", "KILL", "TYPE", "PUBSUB"]);
  const headers = { "content-type": "application/json", authorization: `Bearer ${TOKEN}` };
  const response = await fetch(`${agentUrl}/v1/samples`, { method: "POST", headers, body: "{}" });
  assert.equal(response.status, 400, await response.text());
}

/** Waits until each query of the dashboards and each alert's measure has data. */
async function everythingHasData(prometheus: Prometheus): Promise<void> {
  const key = await waitFor("the key", async () => {
    const keys = await prometheus.labelValues("key", "keyheat_hotkey_rate");
    return keys.find((label) => label.startsWith("flag:"));
  });
  const all = dashboards().map(([, dashboard]) => dashboard);
  const queries = [...all.flatMap(panelQueries), ...all.flatMap(variableQueries)].map((query) =>
    withValues(query, key),
  );
  assert.ok(queries.length >= 70, `only ${queries.length} queries`);
  await hasData(prometheus, [...queries, ...alertRules().map(measureOf)]);
  const rules = await prometheus.rules();
  assert.equal(rules.length, alertRules().length);
  for (const { name, health, lastError } of rules) assert.equal(health, "ok", `${name}: ${lastError}`);
}

/** All values of what may have several, else what is there; the name of the key as it is, as Grafana puts it in. */
function withValues({ expr, ...query }: Query, key: string): Query {
  const values: Readonly<Record<string, string>> = {
    __rate_interval: "1m",
    cluster: "default",
    key,
  };
  const filled = expr
    .replaceAll(/=~"\$\w+"/g, '=~".*"')
    .replaceAll(/\$(?:(\w+)|\{(\w+):raw\})/g, (name, plain, raw) => values[plain ?? raw] ?? name);
  return { ...query, expr: filled };
}

function alertRules(): readonly AlertRule[] {
  const { groups } = parse(readFileSync(RULES_FILE, "utf8")) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/**
 * What an alert compares: its expression without the comparisons with numbers, and without `absent`. An alert that is
 * silent since what it looks at does not exist is told apart by that from one that is silent since all is well.
 */
function measureOf({ alert, expr }: AlertRule): Query {
  const measure = expr.replace(/^absent\((.*)\)$/, "$1").replaceAll(/ (?:==|[<>]=?) [\d.]+$/gm, "");
  assert.notEqual(measure, expr, `${alert} compares nothing`);
  return { of: alert, expr: measure };
}

/** Waits until all of them have data. Throws: Error with those that have none, or that Prometheus does not understand. */
async function hasData(prometheus: Prometheus, queries: readonly Query[]): Promise<void> {
  let waiting = queries;
  await waitFor(
    "data",
    async () => {
      const left: Query[] = [];
      const problems: string[] = [];
      for (const query of waiting) {
        const problem = await problemOf(prometheus, query);
        if (problem === null) continue;
        left.push(query);
        problems.push(`${query.of}: ${problem}: ${query.expr}`);
      }
      waiting = left;
      if (left.length > 0) throw new Error(`\n${problems.join("\n")}`);
      return true;
    },
    DATA_TIMEOUT_MS,
    500,
  );
}

async function problemOf(prometheus: Prometheus, { expr, label }: Query): Promise<string | null> {
  try {
    const found =
      label === undefined ? await numbers(prometheus, expr) : await prometheus.labelValues(label, expr);
    return found.length > 0 ? null : "no data";
  } catch (error) {
    return String(error);
  }
}

/** NaN is no answer: panels show nothing for it. */
async function numbers(prometheus: Prometheus, expr: string): Promise<readonly number[]> {
  const values = (await prometheus.query(expr)).map(({ value }) => Number(value[1]));
  return values.filter((value) => !Number.isNaN(value));
}

/** Waits until these alerts fire, or wait for their time; no template of theirs may have failed. */
async function told(
  prometheus: Prometheus,
  wanted: ActiveAlert["state"],
  names: readonly string[],
): Promise<void> {
  await waitFor(
    `${names} to be ${wanted}`,
    async () => {
      const alerts = (await prometheus.alerts()).filter(({ state }) => state === wanted);
      for (const { annotations } of alerts) {
        assert.doesNotMatch(JSON.stringify(annotations), /<error expanding template|<no value>/);
      }
      const active = new Set(alerts.map(({ labels }) => labels.alertname));
      if (!names.every((name) => active.has(name))) throw new Error(`these are: ${[...active]}`);
      return true;
    },
    DATA_TIMEOUT_MS,
    500,
  );
}
