import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse, problemsOf } from "./problems-of.ts";

const log = { name: "ops", log: {} };

describe("listening beyond loopback", () => {
  it("needs a token", () => {
    for (const listen of [
      "0.0.0.0:9380",
      "[::]:9380",
      "10.0.0.1:1",
      "keyheat.example:9380",
      "[::ffff:10.0.0.1]:1",
    ]) {
      assert.deepEqual(problemsOf({ http: { listen } }), [
        "http.auth: is missing: listening beyond loopback needs a token (auth: { tokenFile: ... })",
      ]);
    }
    for (const listen of [
      "127.0.0.1:9380",
      "127.9.9.9:0",
      "[::1]:9380",
      "localhost:9380",
      "[::ffff:127.0.0.1]:1",
    ]) {
      assert.deepEqual(problemsOf({ http: { listen } }), [], listen);
    }
  });

  it("is not reported twice where auth is there but wrong", () => {
    assert.deepEqual(problemsOf({ http: { listen: "0.0.0.0:1", auth: "x" } }), [
      "http.auth: expected a mapping of keys to values, got text",
    ]);
  });

  it("has an address and a port", () => {
    for (const listen of [":9380", "9380", "127.0.0.1", "::1:9380", "127.0.0.1:65536", "http://a:1"]) {
      assert.match(
        problemsOf({ http: { listen } }).join(),
        /^http.listen: expected an address and a port/,
        listen,
      );
    }
    assert.match(problemsOf({ http: { listen: 9380 } }).join(), /put it in quotes\), got 9380$/);
  });
});

describe("redaction", () => {
  it("needs a secret in modes hash and template", () => {
    for (const mode of ["hash", "template"]) {
      assert.deepEqual(problemsOf({ redact: { mode } }), [
        `redact.keyFile: is missing: mode ${mode} needs a secret for its identities`,
      ]);
    }
    for (const redact of [{}, { mode: "none" }]) assert.deepEqual(parse({ redact }).redact, { mode: "none" });
  });

  it("is one problem where the secret's path is wrong, or the mode", () => {
    assert.deepEqual(problemsOf({ redact: { mode: "hash", keyFile: 7 } }), [
      "redact.keyFile: expected the path of a file (put it in quotes), got 7",
    ]);
    assert.deepEqual(problemsOf({ redact: { mode: "all" } }), [
      'redact.mode: expected one of none, hash, template, got "all"',
    ]);
  });
});

describe("names", () => {
  it("are unique among rules, receivers and targets", () => {
    const rule = { name: "a", type: "rate" };
    assert.deepEqual(
      problemsOf({
        rules: [rule, { ...rule, threshold: "bad" }],
        receivers: [log, log],
        targets: [{ url: "redis://A" }, { url: "rediss://u:p@a:6379" }],
      }).sort(),
      [
        "receivers[1].name: another receiver has the same name",
        "rules[1].name: another rule has the same name",
        'rules[1].threshold: expected a rate above 0 such as 1000/s, got "bad"',
        "targets[1].url: another target has the same address",
      ],
    );
  });

  it("in routes are those of receivers", () => {
    assert.deepEqual(problemsOf({ receivers: [log], routes: [{ receivers: ["ops", "opps", "pager"] }] }), [
      'routes[0].receivers[1]: no receiver has this name, did you mean "ops"?',
      "routes[0].receivers[2]: no receiver has this name; there are: ops",
    ]);
    assert.deepEqual(problemsOf({ receivers: [], routes: [{ receivers: ["ops"] }] }), [
      "routes[0].receivers[0]: no receiver has this name; there are: none",
    ]);
    assert.match(problemsOf({ routes: [{ receivers: [] }] }).join(), /at least 1/);
  });
});

describe("a receiver", () => {
  it("is exactly one of the kinds", () => {
    const webhook = { url: "http://127.0.0.1:1" };
    assert.deepEqual(problemsOf({ receivers: [{ name: "a" }, { name: "b", webhook, log: {} }] }), [
      "receivers[0]: expected exactly one of webhook, slack, pagerduty, alertmanager, log, got none",
      "receivers[1]: expected exactly one of webhook, slack, pagerduty, alertmanager, log, got webhook and log",
    ]);
    assert.deepEqual(problemsOf({ receivers: [{ ...log, allow: ["127.0.0.0/8"] }] }), [
      "receivers[0].allow: is for receivers that send; log does not",
    ]);
  });

  it("of Slack has one URL, written or in a file", () => {
    const url = "https://hooks.slack.example/services/T/B/hunter2";
    assert.deepEqual(problemsOf({ receivers: [{ name: "a", slack: { url }, allow: ["10.0.0.0/8"] }] }), []);
    assert.deepEqual(
      problemsOf({
        receivers: [
          { name: "a", slack: {} },
          { name: "b", slack: { url, urlFile: "/no" } },
          { name: "c", slack: { url: "hooks.slack.example" } },
        ],
      }).filter((problem) => !problem.includes("cannot be read")),
      [
        "receivers[2].slack.url: expected a URL such as https://example.org/path",
        "receivers[0].slack.url: is missing: give url or urlFile",
        "receivers[1].slack.urlFile: url and urlFile exclude each other",
      ],
    );
  });

  it("of PagerDuty has one routing key, written or in a file", () => {
    const routingKey = "hunter2";
    const url = "https://events.eu.pagerduty.com/v2/enqueue";
    assert.deepEqual(problemsOf({ receivers: [{ name: "a", pagerduty: { routingKey, url } }] }), []);
    assert.deepEqual(
      problemsOf({
        receivers: [
          { name: "a", pagerduty: {} },
          { name: "b", pagerduty: { routingKey, routingKeyFile: "/no" } },
          { name: "c", pagerduty: { routingKey, url: "events.eu.pagerduty.com" } },
        ],
      }).filter((problem) => !problem.includes("cannot be read")),
      [
        'receivers[2].pagerduty.url: expected a URL such as https://example.org/path, got "events.eu.pagerduty.com"',
        "receivers[0].pagerduty.routingKey: is missing: give routingKey or routingKeyFile",
        "receivers[1].pagerduty.routingKeyFile: routingKey and routingKeyFile exclude each other",
      ],
    );
  });

  it("of Alertmanager has different URLs, and at most one way to authenticate", () => {
    const urls = ["http://am-0:9093", "http://am-1:9093/prefix/"];
    const withAuth = (auth: unknown) => ({ name: "am", alertmanager: { urls, auth } });
    const good = [undefined, { username: "u", password: "hunter2" }].map(withAuth);
    for (const receiver of good) assert.deepEqual(problemsOf({ receivers: [receiver] }), []);
    const bad = [
      { name: "a", alertmanager: { urls: [] } },
      { name: "b", alertmanager: { urls: ["http://am:9093", "http://am:9093/"] } },
      { name: "c", alertmanager: { urls: ["http://am:9093?a=1"] } },
      { ...withAuth({ username: "u" }), name: "d" },
      { ...withAuth({ password: "hunter2" }), name: "e" },
      { ...withAuth({ username: "u", password: "hunter2", passwordFile: "/no" }), name: "f" },
      { ...withAuth({ username: "u", tokenFile: "/no" }), name: "g" },
    ];
    assert.deepEqual(
      problemsOf({ receivers: bad }).filter((problem) => !problem.includes("cannot be read")),
      [
        "receivers[0].alertmanager.urls: expected a list of at least 1",
        "receivers[2].alertmanager.urls[0]: expected a URL without ? and #, got text",
        "receivers[1].alertmanager.urls[1]: the URL stands here twice",
        "receivers[3].alertmanager.auth: give username with password or passwordFile, or tokenFile",
        "receivers[4].alertmanager.auth: give username with password or passwordFile, or tokenFile",
        "receivers[5].alertmanager.auth.passwordFile: password and passwordFile exclude each other",
        "receivers[6].alertmanager.auth.tokenFile: a token takes the place of user and password",
      ],
    );
  });

  it("has a plain web address and networks that may be reached", () => {
    assert.deepEqual(
      problemsOf({
        receivers: [
          {
            name: "a",
            webhook: { url: "http://u:hunter2@a" },
            allow: ["10.0.0.0/8", "::1", "10.0.0.0/33", "a", "7"],
          },
          { name: "b", webhook: { url: "//a", secret: "x", secretFile: "/no" } },
        ],
      }).filter((problem) => !problem.includes("cannot be read")),
      [
        "receivers[0].webhook.url: expected a URL such as https://example.org/path, without user and password",
        'receivers[0].allow[2]: expected an IP address or a network such as 127.0.0.0/8, got "10.0.0.0/33"',
        'receivers[0].allow[3]: expected an IP address or a network such as 127.0.0.0/8, got "a"',
        'receivers[0].allow[4]: expected an IP address or a network such as 127.0.0.0/8, got "7"',
        "receivers[1].webhook.url: expected a URL such as https://example.org/path",
        "receivers[1].webhook.secretFile: secret and secretFile exclude each other",
      ],
    );
  });
});

describe("a watchdog", () => {
  it("has a URL, and a time between calls", () => {
    assert.deepEqual(problemsOf({ watchdog: { url: "https://watch.example/hunter2" } }), []);
    assert.deepEqual(problemsOf({ watchdog: { url: "watch.example", every: "10ms" } }), [
      "watchdog.url: expected a URL such as https://example.org/path",
      'watchdog.every: expected a duration from 1s to 1d, in whole milliseconds, got "10ms"',
    ]);
  });
});

describe("panes and windows", () => {
  it("fit: each window, also of a rule, is a multiple of a pane", () => {
    assert.deepEqual(
      problemsOf({
        panes: { length: "2s" },
        windows: ["10s", "5s", "10s"],
        rules: [{ name: "a", type: "rate", window: "3s", threshold: "no" }],
      }),
      [
        'rules[0].threshold: expected a rate above 0 such as 1000/s, got "no"',
        "windows[1]: expected a multiple of panes.length (2000ms), got 5000ms",
        "rules[0].window: expected a multiple of panes.length (2000ms), got 3000ms",
        "windows[2]: the window stands here twice",
      ],
    );
    assert.deepEqual(
      parse({ panes: { length: "500ms" }, windows: ["1500ms", "10s"] }).windows,
      [1500, 10_000],
    );
  });

  it("publish no more keys than they track", () => {
    assert.deepEqual(problemsOf({ panes: { keys: 100 } }), [
      "panes.publish: expected at most panes.keys (100), got 1000",
    ]);
  });

  it("judge by share of all accesses alone", () => {
    const rule = { name: "a", type: "share" };
    assert.deepEqual(problemsOf({ rules: [{ ...rule, kind: "total" }] }), []);
    assert.deepEqual(problemsOf({ rules: [{ ...rule, kind: "read" }] }), [
      "rules[0].kind: says nothing for a rule of type share, which is of all accesses",
    ]);
  });

  it("says of what a rule does not look at only where it is not what goes without saying", () => {
    const match = { key: "*", pattern: "*", service: "*" };
    const neutral = { name: "a", kind: "total", minShare: 0, match };
    assert.deepEqual(problemsOf({ rules: [{ ...neutral, type: "blind" }] }), []);
    assert.deepEqual(problemsOf({ rules: [{ ...neutral, type: "misses", kind: "miss" }] }), []);
    const skew = { name: "a", type: "skew", kind: "read", minShare: 0.1, match: { ...match, key: "sale:*" } };
    assert.deepEqual(problemsOf({ rules: [skew] }), [
      "rules[0].kind: says nothing for a rule of type skew, which judges a server as a whole",
      "rules[0].minShare: says nothing for a rule of type skew, which judges a server as a whole",
      "rules[0].match.key: says nothing for a rule of type skew, which judges a server as a whole",
    ]);
    assert.deepEqual(problemsOf({ rules: [{ name: "a", type: "skew", window: "2m" }] }), [
      "rules[0].window: expected at most 1m for a rule of type skew, got 120000ms",
    ]);
  });

  it("have a critical rate that is no lower than the threshold", () => {
    assert.deepEqual(
      problemsOf({ rules: [{ name: "a", type: "rate", threshold: "2/s", criticalAt: "1/s" }] }),
      ["rules[0].criticalAt: expected at least the threshold (2/s), got 1/s"],
    );
  });
});

describe("credentials of a target", () => {
  it("stand in the URL or beside it", () => {
    const both = parse({
      targets: [{ url: "redis://u:a%2Fb@h" }, { url: "redis://g", username: "u", password: "a/b" }],
    });
    for (const target of both.targets) {
      assert.deepEqual([target.username, target.password], ["u", "a/b"]);
      assert.match(target.url, /^redis:\/\/u:a%2Fb@[hg]:6379$/);
      assert.doesNotMatch(target.address, /u|a\/b/);
    }
    assert.equal(parse({ targets: [{ url: "unix:///s", password: "a" }] }).targets[0]?.password, "a");
  });

  it("are not given twice, and a user has a password", () => {
    assert.deepEqual(
      problemsOf({
        targets: [
          { url: "redis://u:p@a", username: "u", password: "p" },
          { url: "redis://b", username: "u" },
          { url: "redis://u@c" },
          { url: "redis://d", tls: {} },
          { url: "unix:///e", tls: {} },
        ],
      }),
      [
        "targets[0].username: the URL has a user already",
        "targets[0].password: the URL has a password already",
        "targets[1].username: a user needs a password (in the URL, password or passwordFile)",
        "targets[2].url: a user needs a password (in the URL, password or passwordFile)",
        "targets[3].tls: needs a URL that starts with rediss://",
        "targets[4].tls: needs a URL that starts with rediss://",
      ],
    );
  });

  it("use TLS exactly where the URL says so", () => {
    const { targets } = parse({
      targets: [{ url: "redis://a" }, { url: "rediss://b", tls: { servername: "c" } }, { url: "rediss://d" }],
    });
    assert.deepEqual(
      targets.map(({ tls }) => tls),
      [undefined, { servername: "c" }, {}],
    );
  });
});

describe("Kafka", () => {
  const sasl = { username: "agent", password: "hunter2" };

  it("may be told in full", () => {
    const { kafka } = parse({
      kafka: {
        brokers: ["kafka-1.example:9092", "10.0.0.2:9093"],
        prefix: "tenant-a.keyheat",
        partitions: 3,
        replication: 3,
        sessionTimeout: "6s",
        ssl: {},
        sasl: { ...sasl, mechanism: "scram-sha-256" },
      },
    });
    assert.deepEqual(kafka, {
      brokers: ["kafka-1.example:9092", "10.0.0.2:9093"],
      prefix: "tenant-a.keyheat",
      buckets: 12,
      partitions: 3,
      replication: 3,
      sessionTimeout: 6000,
      ssl: {},
      sasl: { mechanism: "scram-sha-256", username: "agent", password: "hunter2" },
    });
  });

  it("has brokers with host and port, each once", () => {
    const expected = "expected a host and a port such as kafka-1.example:9092";
    assert.deepEqual(
      problemsOf({
        kafka: {
          brokers: ["a", "a:0", "a:65536", "http://a:1", "[::1]:9092", "::1", "b:1", "b:1", 9092, "a:"],
        },
      }),
      [
        `kafka.brokers[0]: ${expected}, got "a"`,
        `kafka.brokers[1]: ${expected}, got "a:0"`,
        `kafka.brokers[2]: ${expected}, got "a:65536"`,
        `kafka.brokers[3]: ${expected}, got text`,
        'kafka.brokers[4]: expected a host name in place of an IPv6 address, and a port, got "[::1]:9092"',
        'kafka.brokers[5]: expected a host name in place of an IPv6 address, and a port, got "::1"',
        `kafka.brokers[8]: ${expected} (put it in quotes), got 9092`,
        `kafka.brokers[9]: ${expected}, got "a:"`,
        "kafka.brokers[7]: the broker stands here twice",
      ],
    );
    assert.deepEqual(problemsOf({ kafka: { brokers: [] } }), [
      "kafka.brokers: expected a list of at least 1",
    ]);
  });

  it("has partitions, copies and a prefix that Kafka takes", () => {
    assert.deepEqual(problemsOf({ kafka: { partitions: 0, replication: 0, prefix: "a/b" } }), [
      'kafka.prefix: expected a prefix of letters, digits, dots, - and _, got "a/b"',
      "kafka.partitions: expected a whole number from 1 to 1024, got 0",
      "kafka.replication: expected -1 (the brokers' default) or at least 1, got 0",
    ]);
  });

  it("has a password for its user, once", () => {
    assert.deepEqual(problemsOf({ kafka: { sasl: { username: "agent" } } }), [
      "kafka.sasl: a user needs a password (password or passwordFile)",
    ]);
    assert.deepEqual(problemsOf({ kafka: { sasl: { username: "agent", password: 7 } } }), [
      "kafka.sasl.password: expected text (put it in quotes), got a number",
    ]);
    const both = problemsOf({ kafka: { sasl: { ...sasl, passwordFile: "/no" } } });
    assert.ok(both.includes("kafka.sasl.passwordFile: password and passwordFile exclude each other"));
    assert.doesNotMatch(problemsOf({ kafka: { sasl: { ...sasl, mechanism: "x" } } }).join(), /hunter2/);
  });

  it("has a certificate with its key", () => {
    assert.ok(
      problemsOf({ kafka: { ssl: { certFile: "/no" } } }).includes(
        "kafka.ssl: certFile and keyFile belong together",
      ),
    );
  });
});
