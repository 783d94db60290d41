import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadRulesFile } from "../../../src/config/rules-file.ts";

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-rules-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "rules.yaml");
  writeFileSync(file, text);
  return file;
}

const FULL = `
targets: [{ url: "redis://user:\${UNSET}@10.0.0.1:6379" }]
http: { listen: "0.0.0.0:9380", auth: { tokenFile: /nowhere/token } }
redact: { mode: hash, keyFile: /nowhere/key }
kafka: { brokers: ["kafka-1:9092"], sasl: { mechanism: plain, username: a, password: "\${UNSET}" } }
windows: [2s]
panes: { length: 500ms }
grace: 3s
rules: [{ name: hot, type: rate, window: 20s, threshold: 5000/s }]
receivers: [{ name: phone, webhook: { url: "\${UNSET}" }, allow: ["not a network"] }]
`;

test("rules, routes, windows and the names of receivers are read, whatever else is missing or unset", (t) => {
  const config = loadRulesFile(fileOf(t, FULL), {}, { withKafka: false });
  assert.deepEqual(
    config.rules.map(({ name, window }) => [name, window]),
    [["hot", 20_000]],
  );
  assert.deepEqual([config.windows, config.panes.length, config.grace], [[2000, 20_000], 500, 3000]);
  assert.deepEqual(config.receivers, [{ name: "phone", log: {} }]);
  assert.deepEqual(
    config.routes.map(({ receivers }) => receivers),
    [["phone"]],
  );
});

test("with Kafka, what Kafka needs has to be there", (t) => {
  const file = fileOf(t, FULL);
  assert.throws(
    () => loadRulesFile(file, {}, { withKafka: true }),
    /kafka\.sasl\.password: the environment variable UNSET is not set/,
  );
  const { kafka } = loadRulesFile(file, { UNSET: "secret" }, { withKafka: true });
  assert.deepEqual(kafka.brokers, ["kafka-1:9092"]);
  const without = fileOf(t, "rules: []");
  assert.throws(() => loadRulesFile(without, {}, { withKafka: true }), /kafka\.brokers: is missing/);
});

test("what is wrong with rules, receivers and unknown keys is said", (t) => {
  const file = fileOf(
    t,
    `
rulez: []
rules: [{ name: hot, type: rate, window: "10" }]
receivers: [{ webhook: { url: "http://a" } }, phone]
routes: [{ receivers: [nobody] }]
`,
  );
  assert.throws(
    () => loadRulesFile(file, {}, { withKafka: false }),
    (error: Error) => {
      for (const text of ["rulez", "rules[0].window", "receivers[0].name", "receivers[1]"]) {
        assert.ok(error.message.includes(text), error.message);
      }
      return true;
    },
  );
});
