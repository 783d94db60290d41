import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { topicsCommand } from "../../src/cli/topics.ts";
import { ConfigError } from "../../src/config/load.ts";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { KafkaError } from "../../src/transport/kafka/problem.ts";
import { runKeyheat } from "../support/command-line.ts";
import { asAdmin, createTopic, setTopic, sharedKafka, topicSettings } from "../support/kafka.ts";
import { tenantSettings } from "../support/kafka-tenant.ts";
import { freePort } from "../support/redis.ts";

const kafka = sharedKafka();

function configFile(t: TestContext, config: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-topics-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "keyheat.yaml");
  writeFileSync(file, JSON.stringify({ kafka: config }));
  return file;
}

async function topics(
  t: TestContext,
  { brokers, prefix, partitions }: Partial<KafkaSettings>,
  apply: boolean,
) {
  const config = configFile(t, { brokers, prefix, partitions });
  let out = "";
  let err = "";
  const code = await topicsCommand(
    { config, apply },
    { out: { write: (text) => (out += text) }, err: { write: (text) => (err += text) }, env: {} },
  );
  return { code, out, err };
}

test("topics are planned, created, and then as they should be", kafka.needed(), async (t) => {
  const settings = tenantSettings(kafka.get());
  const { prefix } = settings;
  const plan = await topics(t, settings, false);
  assert.equal(plan.code, 0);
  for (const name of ["panes", "heat", "state", "hotset"]) {
    assert.match(
      plan.out,
      new RegExp(`^  ${prefix}\\.${name}\\.v1 +create: 3 partitions, copies as the brokers' default`, "m"),
    );
  }
  assert.match(plan.out, /--allow-principal User:AGENT --operation Write --topic test-\w+\.panes\.v1$/m);
  assert.match(plan.out, /nothing was changed: run again with --apply\n$/);
  const before = await asAdmin(kafka.get(), (admin) => admin.listTopics());
  assert.equal(before.filter((topic) => topic.startsWith(prefix)).length, 0);

  const applied = await topics(t, settings, true);
  assert.deepEqual([applied.code, applied.err], [0, ""]);
  assert.match(applied.out, /\ndone\n$/);
  const again = await topics(t, settings, false);
  assert.equal(again.out.match(/\.v1 +ok$/gm)?.length, 4, again.out);
  assert.doesNotMatch(again.out, /create|change|run again/);
});

test(
  "a setting that was changed is shown and put right; what operators set beyond that stays",
  kafka.needed(),
  async (t) => {
    const settings = tenantSettings(kafka.get());
    await topics(t, settings, true);
    const name = `${settings.prefix}.panes.v1`;
    await setTopic(kafka.get(), name, { "retention.ms": "1000", "min.insync.replicas": "1" });
    const plan = await topics(t, settings, false);
    assert.match(plan.out, /panes\.v1 +change setting retention\.ms: 1000 -> 3600000$/m);
    assert.equal((await topics(t, settings, true)).code, 0);
    const values = await topicSettings(kafka.get(), name);
    assert.equal(values["retention.ms"], "3600000");
    assert.equal(values["segment.ms"], "600000");
    assert.equal(values["min.insync.replicas"], "1");
  },
);

test(
  "partitions are never taken away, nor added where that would tear things apart",
  kafka.needed(),
  async (t) => {
    const settings = tenantSettings(kafka.get());
    await topics(t, settings, true);
    const fewer = await topics(t, { ...settings, partitions: 2 }, true);
    assert.equal(fewer.code, 1);
    assert.match(
      fewer.out,
      /refused: has 3 partitions, kafka\.partitions says 2: Kafka cannot take partitions away/,
    );
    assert.match(fewer.err, /^keyheat: the topics cannot be made as the config says; nothing was changed\n$/);
    const more = await topics(t, { ...settings, partitions: 4 }, true);
    assert.equal(more.code, 1);
    assert.match(
      more.out,
      /panes\.v1 +refused: .* says 4: growing sends a bucket's panes to another partition/,
    );
    assert.match(more.out, /heat\.v1 +add partitions: 3 -> 4/);
    const { topics: found } = await asAdmin(kafka.get(), (admin) =>
      admin.fetchTopicMetadata({ topics: [`${settings.prefix}.heat.v1`] }),
    );
    assert.equal(found[0]?.partitions.length, 3);
  },
);

test("too few partitions of heat, which are of no matter, are added", kafka.needed(), async (t) => {
  const settings = tenantSettings(kafka.get());
  const heat = `${settings.prefix}.heat.v1`;
  await createTopic(kafka.get(), heat);
  const applied = await topics(t, settings, true);
  assert.match(applied.out, /heat\.v1 +add partitions: 1 -> 3/);
  assert.match((await topics(t, settings, false)).out, /heat\.v1 +ok/);
});

test("the command exits with 1 and the reason where there is no Kafka, with 2 where the config names none", async (t) => {
  const broker = `127.0.0.1:${await freePort()}`;
  const away = runKeyheat(t, ["topics", "--config", configFile(t, { brokers: [broker] })]);
  assert.equal(await away.ended(), 1);
  assert.match(
    away.output,
    new RegExp(`^keyheat: Kafka cannot be reached at ${broker} \\(connection refused.*\n$`),
  );
  const none = runKeyheat(t, ["topics", "--config", configFile(t, {})]);
  assert.equal(await none.ended(), 2);
  assert.match(none.output, /^kafka\.brokers: is missing/);
  await assert.rejects(topics(t, {}, false), ConfigError);
  await assert.rejects(topics(t, { brokers: [broker] }, false), KafkaError);
});
