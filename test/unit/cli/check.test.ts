import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { checkCommand } from "../../../src/cli/check.ts";

describe("keyheat check", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-check-"));
  after(() => rmSync(folder, { recursive: true }));

  function check(text: string, env: Record<string, string> = {}) {
    const file = join(folder, "keyheat.yaml");
    writeFileSync(file, text);
    let out = "";
    let err = "";
    const code = checkCommand(
      { config: file },
      { out: { write: (text) => (out += text) }, err: { write: (text) => (err += text) }, env },
    );
    return { code, out, err };
  }

  it("says ok and what the config amounts to, without secrets", () => {
    const { code, out, err } = check(
      `
targets:
  - { url: "rediss://keyheat:\${PASSWORD}@10.0.0.1", cluster: shop }
  - { url: "unix:///run/redis.sock" }
rules: [{ name: fast, type: rate, window: 2s, threshold: 60/m }]
receivers: [{ name: hook, webhook: { url: "https://example.org/hunter2", secret: hunter2 } }, { name: ops, slack: { url: "https://example.org/hunter2" } }]
watchdog: { url: "https://example.org/hunter2" }
kafka: { brokers: ["a:9092", "b:9092"], ssl: {}, sasl: { username: agent, password: "\${PASSWORD}" } }
`,
      { PASSWORD: "hunter2" },
    );
    assert.equal(err, "");
    assert.equal(code, 0);
    assert.deepEqual(out.split("\n"), [
      "ok",
      "cluster: default",
      "targets: 10.0.0.1:6379 (shop, TLS, user keyheat, with a password), unix:///run/redis.sock (default)",
      "observed: every server of the targets' clusters (standalone), or the servers of the targets' clusters that are on the same host (agent)",
      "windows: 2s, 10s, 60s",
      "rules: fast (rate 1/s)",
      "receivers: hook (webhook), ops (slack)",
      "watchdog: every 60s",
      "kafka: a:9092, b:9092 (prefix keyheat, TLS, user agent, with a password)",
      "http: http://127.0.0.1:9380",
      "",
    ]);
  });

  it("says how keys are redacted, and never with what", () => {
    writeFileSync(join(folder, "redact.key"), "hunter2-hunter2-hunter2\n");
    const { code, out, err } = check("redact: { mode: template, keyFile: redact.key }\n");
    assert.equal(code, 0, err);
    assert.ok(out.split("\n").includes("redact: template"), out);
    assert.doesNotMatch(out, /hunter2/);
  });

  it("says what is observed where the file does", () => {
    for (const [observe, line] of [
      ["all", "observed: every server of the targets' clusters"],
      ["local", "observed: the servers of the targets' clusters that are on the same host"],
      ["listed", "observed: the targets alone"],
    ]) {
      const { out } = check(`discovery: { observe: ${observe} }`);
      assert.ok(out.split("\n").includes(line ?? ""), out);
    }
  });

  it("prints every problem on standard error, and returns 2", () => {
    const { code, out, err } = check("cluster: 7\nrecievers: []\ngrace: '10'\n");
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.deepEqual(
      err
        .trimEnd()
        .split("\n")
        .map((line) => line.split(":")[0]),
      ["cluster", "grace", "recievers"],
    );
  });
});
