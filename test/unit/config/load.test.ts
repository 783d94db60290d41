// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are what is tested.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  ConfigError,
  defaultConfig,
  loadConfig,
  parseConfig,
  problemLines,
} from "../../../src/config/load.ts";
import fc from "../../support/fast-check.ts";
import { parse, problemsOf } from "./problems-of.ts";

describe("a config without a word", () => {
  it("has every default", () => {
    const config = parse("");
    assert.deepEqual(config, {
      cluster: "default",
      targets: [
        {
          url: "redis://127.0.0.1:6379",
          endpoint: { host: "127.0.0.1", port: 6379 },
          address: "127.0.0.1:6379",
          cluster: "default",
        },
      ],
      discovery: {},
      sources: {
        keyspace: { enabled: true, configure: "verify", patterns: [], yieldAt: 0 },
        samples: { enabled: true, bytes: 32 * 1024 * 1024 },
      },
      panes: { length: 1000, keys: 8192, publish: 1000, bytes: 4 * 1024 * 1024 },
      ignore: [],
      redact: { mode: "none" },
      http: { listen: { host: "127.0.0.1", port: 9380 }, hosts: [] },
      kafka: { prefix: "keyheat", buckets: 12, partitions: 12, replication: -1, sessionTimeout: 10_000 },
      windows: [10_000, 60_000],
      grace: 2000,
      rules: [
        {
          name: "hot-key",
          type: "rate",
          kind: "total",
          window: 10_000,
          threshold: 1000,
          minShare: 0.1,
          for: 0,
          resolveBelow: 0.8,
          keepFiringFor: 30_000,
          cooldown: 300_000,
          severity: "warning",
          match: { cluster: "*", key: "*", pattern: "*", service: "*" },
        },
        {
          name: "blind",
          type: "blind",
          kind: "total",
          window: 10_000,
          threshold: 60_000,
          minShare: 0,
          for: 0,
          resolveBelow: 0.8,
          keepFiringFor: 30_000,
          cooldown: 300_000,
          severity: "warning",
          match: { cluster: "*", key: "*", pattern: "*", service: "*" },
        },
      ],
      hotSet: {
        enabled: true,
        threshold: 1000,
        keepAbove: 0.5,
        lease: 30_000,
        max: 100,
        readsPerWrite: 10,
        exclude: [],
        allowUncorroborated: false,
      },
      routes: [{ match: {}, receivers: ["log"], groupWait: 100, groupInterval: 30_000, burst: 5 }],
      receivers: [{ name: "log", log: {} }],
      metrics: { prometheus: { enabled: true }, keys: 50, keyLabel: "key" },
      log: { level: "info" },
    });
    assert.deepEqual(parse("# only a comment\n"), config);
    assert.deepEqual(defaultConfig(), config);
  });

  it("takes URLs and parts of a file as options", () => {
    const config = defaultConfig({
      redisUrls: ["redis://a:1", "rediss://b"],
      http: { listen: "127.0.0.1:0" },
    });
    assert.deepEqual(
      config.targets.map(({ address }) => address),
      ["a:1", "b:6379"],
    );
    assert.equal(config.http.listen.port, 0);
    assert.throws(() => defaultConfig({ redisUrls: ["localhost"] }), ConfigError);
  });
});

describe("a written config", () => {
  it("has default routes to every receiver, and none where there is nobody", () => {
    const hook = { name: "hook", webhook: { url: "http://127.0.0.1:1/hook" } };
    assert.deepEqual(parse({ receivers: [hook, { name: "log", log: {} }] }).routes[0]?.receivers, [
      "hook",
      "log",
    ]);
    assert.deepEqual(parse({ receivers: [] }).routes, []);
    assert.deepEqual(parse({ receivers: [hook], routes: [] }).routes, []);
  });

  it("has minShare 0 in its own rules", () => {
    assert.equal(parse({ rules: [{ name: "mine", type: "rate" }] }).rules[0]?.minShare, 0);
  });

  it("keeps the windows of its rules beside those that it lists", () => {
    const config = parse({ windows: ["60s"], rules: [{ name: "fast", type: "rate", window: "2s" }] });
    assert.deepEqual(config.windows, [2000, 60_000]);
  });

  it("may be what acceptance checks write", () => {
    const config = parse({
      cluster: "bar",
      targets: [{ url: "redis://127.0.0.1:6379" }],
      sources: { keyspace: { enabled: true, configure: "ensure" } },
      http: { listen: "127.0.0.1:9999" },
      rules: [
        {
          name: "hot-key",
          type: "rate",
          threshold: "1000/s",
          window: "10s",
          cooldown: "5m",
          severity: "warning",
        },
      ],
      receivers: [{ name: "hook", webhook: { url: "http://127.0.0.1:1/" } }],
      routes: [{ match: {}, receivers: ["hook"], groupWait: "0ms", groupInterval: "100ms" }],
    });
    assert.equal(config.routes[0]?.groupWait, 0);
    assert.equal(config.targets[0]?.cluster, "bar");
  });
});

describe("loading a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-config-"));
  after(() => rmSync(folder, { recursive: true }));

  it("reads the commented example", () => {
    const example = fileURLToPath(new URL("../../../config/standalone.yaml", import.meta.url));
    const config = loadConfig(example, {});
    assert.equal(config.rules[0]?.criticalAt, 5000);
    assert.deepEqual(config.ignore, ["lock:*"]);
  });

  it("reads the commented examples of an agent and of an aggregator, which listen on ports of their own", () => {
    for (const [role, port] of [
      ["agent", 9379],
      ["aggregator", 9380],
    ] as const) {
      const example = fileURLToPath(new URL(`../../../config/${role}.yaml`, import.meta.url));
      const config = loadConfig(example, {}, { role });
      assert.deepEqual(config.http.listen, { host: "127.0.0.1", port });
      assert.deepEqual(config.kafka.brokers, ["127.0.0.1:9092"]);
      assert.equal(defaultConfig({ role, kafka: { brokers: ["a:1"] } }).http.listen.port, port);
    }
  });

  it("asks agents and aggregators for brokers, and says what works without them", () => {
    for (const role of ["agent", "aggregator"] as const) {
      assert.throws(
        () => defaultConfig({ role }),
        (error: unknown) =>
          error instanceof ConfigError &&
          error.problems.some(
            ({ path, message }) => path === "kafka.brokers" && /keyheat standalone/.test(message),
          ),
      );
    }
    assert.equal(defaultConfig({ role: "standalone" }).kafka.brokers, undefined);
  });

  it("starts relative paths at the file's own folder", () => {
    writeFileSync(join(folder, "password"), "hunter2\n");
    const file = join(folder, "keyheat.yaml");
    writeFileSync(file, "targets: [{ url: 'redis://a', passwordFile: password }]");
    assert.equal(loadConfig(file, {}).targets[0]?.password, "hunter2");
  });

  it("lets --redis replace the targets, but nothing else", () => {
    const file = join(folder, "shop.yaml");
    writeFileSync(file, "cluster: shop\ntargets: [{ url: 'redis://a' }]");
    const config = loadConfig(file, {}, { redisUrls: ["redis://b"] });
    assert.deepEqual(
      config.targets.map(({ address, cluster }) => [address, cluster]),
      [["b:6379", "shop"]],
    );
  });

  it("lets --redis replace the pods as well", () => {
    const file = join(folder, "pods.yaml");
    const kubernetes = "{ labelSelector: app=redis, passwordFile: mounted-in-the-pod-alone }";
    writeFileSync(file, `discovery: { observe: listed, kubernetes: ${kubernetes} }`);
    const config = loadConfig(file, {}, { redisUrls: ["redis://b"] });
    assert.deepEqual(config.discovery, { observe: "listed" });
    assert.deepEqual(
      config.targets.map(({ address }) => address),
      ["b:6379"],
    );
  });

  it("says why a file cannot be read", () => {
    for (const [file, reason] of [
      [join(folder, "missing.yaml"), "no such file (ENOENT)"],
      [folder, "it is a directory (EISDIR)"],
    ] as const) {
      assert.throws(
        () => loadConfig(file, {}),
        (error) =>
          error instanceof ConfigError &&
          /^the file ".+" cannot be read: /.test(error.problems[0]?.message ?? "") &&
          error.problems[0]?.message.endsWith(reason) === true,
      );
    }
  });
});

describe("a config error", () => {
  it("holds every problem at once, and they are its message", () => {
    const text = JSON.stringify({
      cluster: 7,
      rules: [{ name: "x", type: "rate", threshold: "lots", window: "10" }],
      recievers: [],
    });
    assert.throws(
      () => parseConfig(text, { env: {}, source: "bad.json" }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(problemLines(error.problems), [
          "cluster: expected a name of letters, digits, dots, colons, - and _ (put it in quotes), got 7",
          'rules[0].window: expected a duration, got "10" (such as 10s)',
          'rules[0].threshold: expected a rate above 0 such as 1000/s, got "lots"',
          'recievers: unknown key, did you mean "receivers"?',
        ]);
        assert.equal(error.message, ["bad.json: 4 problems", ...problemLines(error.problems)].join("\n"));
        assert.equal(error.retryable, false);
        return true;
      },
    );
  });

  it("counts the lines that would be too many", () => {
    const unknown = Object.fromEntries(Array.from({ length: 1200 }, (_, index) => [`x${index}`, 1]));
    const lines = problemLines(problemsOf(unknown).map((message) => ({ path: "", message })));
    assert.equal(lines.length, 1001);
    assert.equal(lines.at(-1), "and 200 more");
  });

  it("is all that any text can lead to", () => {
    const words = [
      "targets",
      "rules",
      "routes",
      "receivers",
      "http",
      "url",
      "name",
      "${A}",
      "redis://",
      "&a",
      "*a",
      "!!set",
      "[",
      "]",
      "{",
      "}",
      ":",
      ": ",
      "- ",
      "\n",
      "  ",
      "\t",
      "'",
      '"',
      "|",
      "#",
      "10s",
      "__proto__",
      "?",
    ];
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => parts.join("")),
      fc.json(),
    );
    fc.assert(
      fc.property(text, (config) => void problemsOf(config)),
      { numRuns: 500 },
    );
  });

  it("is all that any value in any place can lead to", () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.constantFrom("10s", "1/s", "redis://a@b", "${A}", "a", "*", "1MiB"),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
    );
    const keys = fc.constantFrom(
      "url",
      "name",
      "tls",
      "window",
      "windows",
      "length",
      "match",
      "receivers",
      "webhook",
      "slack",
      "pagerduty",
      "alertmanager",
      "urls",
      "log",
      "allow",
      "auth",
      "listen",
      "keyspace",
      "enabled",
      "targets",
      "rules",
      "routes",
      "panes",
      "http",
      "brokers",
      "sasl",
      "ssl",
      "password",
      "__proto__",
      "constructor",
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        leaf,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(keys, tie("value"), { maxKeys: 4 }),
      ),
    }));
    const sections = fc.constantFrom(
      "targets",
      "discovery",
      "sources",
      "panes",
      "http",
      "kafka",
      "windows",
      "rules",
      "routes",
      "receivers",
      "watchdog",
      "metrics",
      "log",
      "cluster",
    );
    fc.assert(
      fc.property(fc.dictionary(sections, value, { maxKeys: 4 }), (config) => void problemsOf(config)),
      { numRuns: 500 },
    );
  });
});
