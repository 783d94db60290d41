import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { examineKafka } from "../../src/doctor/kafka.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { agentAcls, aggregatorAcls } from "../../src/transport/kafka/acls.ts";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { applyTopics } from "../../src/transport/kafka/topic-admin.ts";
import { freePort } from "../support/free-port.ts";
import { sharedKafka } from "../support/kafka.ts";
import { grant } from "../support/kafka-acls.ts";
import { connectionOf, newTenant } from "../support/kafka-tenant.ts";
import { waitFor } from "../support/wait.ts";

const PASSWORDS = { agent: "agent-Secret", aggregator: "aggregator-Secret", nobody: "nobody-Secret" };
const kafka = sharedKafka({ users: PASSWORDS, tls: true, authorizer: true });

async function findingsOf(settings: KafkaSettings): Promise<readonly Finding[]> {
  const config = { ...defaultConfig(), kafka: settings };
  return await examineKafka({ config, file: "keyheat.yaml", clock: systemClock });
}

/** The settings of a user; `nobody`'s password may be wrong. */
function as(
  settings: KafkaSettings,
  user: keyof typeof PASSWORDS,
  password = PASSWORDS[user],
): KafkaSettings {
  const ca = kafka.get().certificates?.ca;
  assert.ok(ca);
  return { ...settings, ssl: { ca }, sasl: { mechanism: "scram-sha-512", username: user, password } };
}

const bad = (findings: readonly Finding[]) =>
  findings.filter(({ status }) => status === "warn" || status === "fail");

/** As the broker's operator: without TLS, password and ACLs. */
const inner = (settings: KafkaSettings): KafkaSettings => ({
  ...settings,
  brokers: kafka.get().innerBrokers,
});

test(
  "the doctor names topics that are missing, and finds all well once they are made",
  kafka.needed(),
  async () => {
    const tenant = inner(await newTenant(kafka.get()));
    const settings = { ...tenant, prefix: `${tenant.prefix}-new` };
    // A broker that has just started makes its own topic of groups when the first one is asked for, which takes a while.
    const missing = await waitFor("the broker to know of groups", async () => {
      const found = bad(await findingsOf(settings));
      return found.every(({ check }) => check.startsWith("topic ")) ? found : null;
    });
    assert.equal(missing.length, 4);
    assert.ok(
      missing.every(
        ({ message, run }) => message === "is missing" && run?.startsWith("keyheat topics --apply"),
      ),
    );
    await applyTopics(connectionOf(settings));
    assert.deepEqual(bad(await findingsOf(settings)), []);
    const other = await findingsOf({ ...settings, partitions: settings.partitions + 1 });
    assert.equal(bad(other).length, 4);
    assert.match(bad(other)[0]?.message ?? "", /has \d+ partitions, kafka\.partitions says/);
  },
);

test("the doctor is content with the rights of an aggregator", kafka.needed(), async () => {
  const settings = await newTenant(kafka.get());
  await grant(kafka.get(), "aggregator", aggregatorAcls(settings.prefix));
  assert.deepEqual(bad(await findingsOf(as(settings, "aggregator"))), []);
});

test("the doctor only warns an agent of what an aggregator needs", kafka.needed(), async () => {
  const settings = await newTenant(kafka.get());
  await grant(kafka.get(), "agent", agentAcls(settings.prefix));
  const found = bad(await findingsOf(as(settings, "agent")));
  assert.ok(found.length > 0);
  for (const { status, message, run } of found) {
    assert.equal(status, "warn");
    assert.match(message, /an aggregator needs it/);
    assert.match(run ?? "", /^kafka-acls .*--add --allow-principal User:agent/);
  }
});

test(
  "the doctor names the groups that an agent cannot do without, and its line mends it",
  kafka.needed(),
  async () => {
    const settings = await newTenant(kafka.get());
    const [group, ...others] = agentAcls(settings.prefix).toSorted((a, b) =>
      a.resource.localeCompare(b.resource),
    );
    assert.equal(group?.resource, "group");
    await grant(kafka.get(), "agent", others);
    const failed = bad(await findingsOf(as(settings, "agent"))).filter(({ status }) => status === "fail");
    assert.deepEqual(
      failed.map(({ check, run }) => [check, run?.replace(/^kafka-acls --bootstrap-server \S+ /, "")]),
      [
        [
          `groups ${settings.prefix}-table-...`,
          `--add --allow-principal User:agent --operation Read --operation Delete --group ${settings.prefix}-table- --resource-pattern-type prefixed`,
        ],
      ],
    );
    await grant(kafka.get(), "agent", [group]);
    const after = bad(await findingsOf(as(settings, "agent")));
    assert.ok(
      after.every(({ status }) => status === "warn"),
      JSON.stringify(after),
    );
  },
);

test("the doctor names rights that nobody has, with the line for each", kafka.needed(), async () => {
  const settings = await newTenant(kafka.get());
  const found = bad(await findingsOf(as(settings, "nobody")));
  assert.ok(found.some(({ status }) => status === "fail"));
  assert.ok(
    found.every(({ run }) => run?.startsWith("kafka-acls ")),
    JSON.stringify(found, null, 1),
  );
});

test("the doctor tells a wrong password, and does not show it", kafka.needed(), async () => {
  const settings = await newTenant(kafka.get());
  const found = await findingsOf(as(settings, "nobody", "hunter2"));
  assert.equal(bad(found)[0]?.status, "fail");
  assert.ok(!JSON.stringify(found).includes("hunter2"));
});

test("the doctor names a broker that does not answer while others do", kafka.needed(), async () => {
  const settings = inner(await newTenant(kafka.get()));
  const closed = `127.0.0.1:${await freePort()}`;
  const found = await findingsOf({ ...settings, brokers: [...settings.brokers, closed] });
  assert.deepEqual(
    bad(found).map(({ check }) => check),
    ["brokers"],
  );
  assert.ok(bad(found)[0]?.message.includes(closed));
});

test("the doctor says why where no broker answers", async () => {
  const { kafka: settings } = defaultConfig();
  const closed = `127.0.0.1:${await freePort()}`;
  const found = await findingsOf({ ...settings, brokers: [closed] });
  assert.equal(found.length, 1);
  assert.equal(found[0]?.status, "fail");
  assert.match(found[0]?.message ?? "", /cannot be reached/);
});
