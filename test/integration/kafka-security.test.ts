import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { agentAcls, aggregatorAcls } from "../../src/transport/kafka/acls.ts";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { KafkaError } from "../../src/transport/kafka/problem.ts";
import { RecordWriter } from "../../src/transport/kafka/record-writer.ts";
import { sharedKafka } from "../support/kafka.ts";
import { grant } from "../support/kafka-acls.ts";
import { startAggregator, TestAggregator } from "../support/kafka-aggregator.ts";
import { startTable, TestTable } from "../support/kafka-table.ts";
import { connectionOf, LogLines, newTenant } from "../support/kafka-tenant.ts";
import { waitFor } from "../support/wait.ts";

const PASSWORDS = { agent: "agent-Secret", aggregator: "aggregator-Secret", nobody: "nobody-Secret" };
const kafka = sharedKafka({ users: PASSWORDS, tls: true, authorizer: true });

type User = keyof typeof PASSWORDS;
type Mechanism = NonNullable<KafkaSettings["sasl"]>["mechanism"];

/** The settings of a user who does all right. */
function as(settings: KafkaSettings, user: User, mechanism: Mechanism = "scram-sha-512"): KafkaSettings {
  const ca = kafka.get().certificates?.ca;
  assert.ok(ca);
  return { ...settings, ssl: { ca }, sasl: { mechanism, username: user, password: PASSWORDS[user] } };
}

async function newRights(): Promise<KafkaSettings> {
  const settings = await newTenant(kafka.get());
  await grant(kafka.get(), "agent", agentAcls(settings.prefix));
  await grant(kafka.get(), "aggregator", aggregatorAcls(settings.prefix));
  return settings;
}

function startWriter(t: TestContext, settings: KafkaSettings, log = new LogLines()): RecordWriter {
  const writer = new RecordWriter({ connection: connectionOf(settings, log) });
  t.after(() => writer.close(500));
  return writer;
}

function record(topic: string, text: string) {
  return { topic, partition: 0, key: text, value: Buffer.from(text) };
}

for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
  test(
    `over TLS, as a user by ${mechanism}: panes go from an agent to an aggregator`,
    kafka.needed(),
    async (t) => {
      const settings = await newRights();
      const { panes } = topicNames(settings.prefix);
      const aggregator = startAggregator(t, as(settings, "aggregator", mechanism));
      const agent = startWriter(t, as(settings, "agent", mechanism));
      agent.put(record(panes, "pane"));
      await waitFor("the pane", () => aggregator.texts.includes("pane"));
      await aggregator.group.close(3000);
      assert.deepEqual(aggregator.log.loud, []);
    },
  );
}

test(
  "the rights that keyheat topics prints are enough for an agent and for an aggregator",
  kafka.needed(),
  async (t) => {
    const settings = await newRights();
    const { panes, heat, state, hotset } = topicNames(settings.prefix);
    const group = startAggregator(t, as(settings, "aggregator"));
    const own = startTable(t, as(settings, "aggregator"), [heat, state, hotset]);
    await Promise.all([group.owns(3), own.table.caughtUp]);
    const aggregator = startWriter(t, as(settings, "aggregator"));
    for (const topic of [heat, state, hotset]) aggregator.put(record(topic, topic));
    assert.ok(await aggregator.flush(30_000), aggregator.problem() ?? "");
    await waitFor("the aggregator's own records", () => new Set(own.lines).size === 3);

    const hotSets = startTable(t, as(settings, "agent"), [hotset]);
    await hotSets.table.caughtUp;
    const agent = startWriter(t, as(settings, "agent"));
    agent.put(record(panes, "pane"));
    assert.ok(await agent.flush(30_000), agent.problem() ?? "");
    assert.deepEqual(hotSets.lines, [`0/${hotset}=${hotset}`]);
    await waitFor("the pane", () => group.texts.includes("pane"));
    await Promise.all([group.group.close(3000), own.table.close(3000), hotSets.table.close(3000)]);
    for (const { log } of [group, own, hotSets]) assert.deepEqual(log.loud, []);
  },
);

test(
  "an agent can neither read panes nor write state, and each is told in one line",
  kafka.needed(),
  async (t) => {
    const settings = await newRights();
    const { panes, state } = topicNames(settings.prefix);
    const log = new LogLines();
    const writer = startWriter(t, as(settings, "agent"), log);
    writer.put(record(state, "forged"));
    const problem = await waitFor("a problem", () => writer.problem());
    const expected = `Kafka does not let user agent write ${state}: it needs WRITE on that topic (keyheat topics prints the ACLs needed)`;
    assert.equal(problem, expected);
    await waitFor("a second try", () => log.lines.filter(({ level }) => level < 40).length > 3);
    assert.equal(log.loud.length, 1, log.loud.join("\n"));
    const table = startTable(t, as(settings, "agent"), [panes]);
    const dead = await waitFor("the table to give up", () => table.problems[0], 30_000);
    assert.equal(dead.code, "TOPIC_DENIED");
    assert.match(dead.message, /^Kafka does not let user agent read test-\w+\.panes\.v1: it needs READ/);
    assert.equal(table.problems.length, 1);
    assert.equal(table.log.loud.length, 1, table.log.loud.join("\n"));
  },
);

test("a member without a right to the group gives up, and says which", kafka.needed(), async () => {
  const settings = await newRights();
  const rights = aggregatorAcls(settings.prefix).filter(({ resource }) => resource === "topic");
  await grant(kafka.get(), "nobody", rights);
  const member = new TestAggregator(as(settings, "nobody"));
  member.group.start();
  const problem = await waitFor("it to give up", () => member.problems[0], 30_000);
  assert.match(problem.message, new RegExp(`group ${settings.prefix}-aggregators: .*READ on that group`));
  assert.equal(problem.retryable, false);
  await member.group.close(1000);
  assert.equal(member.log.loud.length, 1, member.log.loud.join("\n"));
});

test("what is wrong with TLS or a password is one line that says what to do", kafka.needed(), async () => {
  const settings = await newRights();
  const right = as(settings, "agent");
  const sasl = right.sasl;
  assert.ok(sasl);
  const { ssl: _ssl, ...withoutTls } = right;
  const { sasl: _sasl, ...withoutUser } = right;
  const inner = { ...right, brokers: kafka.get().innerBrokers };
  const { sasl: _inner, ...innerWithTls } = inner;
  const { ssl: _innerTls, ...innerWithUser } = inner;
  const cases: readonly (readonly [KafkaSettings, string, RegExp])[] = [
    [
      { ...right, sasl: { ...sasl, password: "wrong" } },
      "AUTH",
      /refused user agent or its password; check kafka\.sasl/,
    ],
    [
      { ...right, sasl: { ...sasl, mechanism: "plain", password: "wrong" } },
      "AUTH",
      /refused user agent or its password; check kafka\.sasl/,
    ],
    [withoutTls, "CLOSED", /closed the connection: .*expects TLS \(kafka\.ssl\)/],
    [{ ...right, ssl: {} }, "TLS", /signed by nobody trusted here; set kafka\.ssl\.caFile/],
    [withoutUser, "CLOSED", /closed the connection: .*expects a user \(kafka\.sasl\)/],
    [innerWithTls, "CLOSED", /is that listener without TLS\? Leave kafka\.ssl out/],
    [innerWithUser, "AUTH", /asks for no user; leave kafka\.sasl out/],
  ];
  for (const [attempt, code, message] of cases) {
    const connection = connectionOf(attempt);
    await assert.rejects(
      connection.withAdmin((admin) => admin.listTopics()),
      (error) => {
        assert.ok(error instanceof KafkaError);
        const { problem } = error;
        assert.equal(problem.code, code, problem.message);
        assert.match(problem.message, message);
        assert.doesNotMatch(problem.message, /\n|wrong|Secret/);
        return true;
      },
    );
  }
});

test(
  "a table of a user with a wrong password gives up within seconds, and tells no secret",
  kafka.needed(),
  async (t) => {
    const settings = as(await newTenant(kafka.get()), "agent");
    const sasl = { mechanism: "scram-sha-256" as const, username: "agent", password: "hunter2" };
    const table = new TestTable({ ...settings, sasl }, [topicNames(settings.prefix).hotset]);
    t.after(() => table.table.close(500));
    table.table.start();
    const problem = await waitFor("it to give up", () => table.problems[0], 30_000);
    assert.match(problem.message, /^Kafka refused user agent or its password/);
    assert.doesNotMatch(JSON.stringify(table.log.lines), /hunter2/);
    assert.equal(table.log.loud.length, 1, table.log.loud.join("\n"));
  },
);
