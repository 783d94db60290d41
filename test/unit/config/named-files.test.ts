// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what looks like a placeholder must not be one.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parse, problemsOf } from "./problems-of.ts";

// Self-signed for keyheat.test, valid for 100 years; the key guards nothing.
const CERT = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUXbqi4iqKoUiczR+XiRNWEFu4wCMwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMa2V5aGVhdC50ZXN0MCAXDTI2MTEyNTAwMjk1OVoYDzIxMjYx
MTAxMDAyOTU5WjAXMRUwEwYDVQQDDAxrZXloZWF0LnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATIgc8qFMAQHQzUBb4du65WLh5gIkJrTiadsJogTvpbzrDe
iWocKD3h5FkVNvAwdK/M7OVImvAeWwlIPpYQ1bRIo1MwUTAdBgNVHQ4EFgQU/nBL
iq0+e/lSQ9D6eSxtd9SOsv0wHwYDVR0jBBgwFoAU/nBLiq0+e/lSQ9D6eSxtd9SO
sv0wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAn0r5n6ZLhoaL
7jGI890Yh/iYIw3beqMzlZF72M/Ou3UCIDqCedXneVxT93J7aLMntJEVtOqp7gpO
sH83i95OKDsW
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmHpKAHX3uYUNuPDK
OEJB3UQYO792BCFxFkskButgPr+hRANCAATIgc8qFMAQHQzUBb4du65WLh5gIkJr
TiadsJogTvpbzrDeiWocKD3h5FkVNvAwdK/M7OVImvAeWwlIPpYQ1bRI
-----END PRIVATE KEY-----
`;

describe("files that a config names", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-files-"));
  after(() => rmSync(folder, { recursive: true }));

  function file(name: string, content: string | Uint8Array): string {
    writeFileSync(join(folder, name), content);
    return name;
  }

  it("hold secrets, of which one trailing newline is left off", () => {
    for (const [content, secret] of [
      ["p@ss", "p@ss"],
      ["p@ss\n", "p@ss"],
      ["p@ss\r\n", "p@ss"],
      [" p@ss ${HOME} ", " p@ss ${HOME} "],
    ] as const) {
      const name = file("secret", content);
      const config = parse(
        {
          targets: [{ url: "redis://a", passwordFile: name }],
          http: { listen: "0.0.0.0:1", auth: { tokenFile: name } },
          kafka: { sasl: { username: "agent", passwordFile: name } },
          receivers: [{ name: "hook", webhook: { url: "http://a", secretFile: name } }],
        },
        { folder, env: { HOME: "/root" } },
      );
      assert.equal(config.targets[0]?.password, secret);
      assert.equal(config.http.auth?.token, secret);
      assert.equal(config.kafka.sasl?.password, secret);
      assert.deepEqual(config.receivers[0], {
        name: "hook",
        webhook: { url: "http://a", secret },
        allow: [],
      });
    }
  });

  it("give a receiver of Slack its URL", () => {
    const url = "https://hooks.slack.example/services/T/B/hunter2";
    const urlFile = file("slack-url", `${url}\n`);
    const config = parse({ receivers: [{ name: "ops", slack: { urlFile } }] }, { folder });
    assert.deepEqual(config.receivers, [{ name: "ops", slack: { url }, allow: [] }]);
    assert.deepEqual(
      problemsOf({ receivers: [{ name: "ops", slack: { urlFile: file("no-url", "hunter2") } }] }, { folder }),
      [
        "receivers[0].slack.urlFile: the file holds something else: expected a URL such as https://example.org/path",
      ],
    );
  });

  it("give PagerDuty its routing key, and Alertmanager a password or a token", () => {
    const secretFile = file("service-secret", "hunter2\n");
    const urls = ["http://am:9093"];
    const config = parse(
      {
        receivers: [
          { name: "pager", pagerduty: { routingKeyFile: secretFile } },
          { name: "am", alertmanager: { urls, auth: { tokenFile: secretFile } } },
          {
            name: "am-basic",
            alertmanager: { urls, auth: { username: "keyheat", passwordFile: secretFile } },
          },
        ],
      },
      { folder },
    );
    assert.deepEqual(config.receivers, [
      {
        name: "pager",
        pagerduty: { routingKey: "hunter2", url: "https://events.pagerduty.com/v2/enqueue" },
        allow: [],
      },
      { name: "am", alertmanager: { urls, authorization: "Bearer hunter2" }, allow: [] },
      {
        name: "am-basic",
        alertmanager: { urls, authorization: `Basic ${Buffer.from("keyheat:hunter2").toString("base64")}` },
        allow: [],
      },
    ]);
  });

  it("are problems with their path where they cannot be read or say nothing", () => {
    mkdirSync(join(folder, "directory"));
    const names = [
      "missing",
      "directory",
      file("empty", "\n"),
      file("lines", "hunter2\nhunter3\n"),
      file("binary", Uint8Array.of(0xff, 0xfe)),
      "/dev/zero",
    ];
    const targets = names.map((passwordFile, index) => ({ url: `redis://h${index}`, passwordFile }));
    assert.deepEqual(problemsOf({ targets }, { folder }), [
      "targets[0].passwordFile: the file cannot be read: no such file (ENOENT)",
      "targets[1].passwordFile: the file cannot be read: it is a directory (EISDIR)",
      "targets[2].passwordFile: the file is empty",
      "targets[3].passwordFile: the file has more than one line",
      "targets[4].passwordFile: the file cannot be read: it is not valid UTF-8",
      "targets[5].passwordFile: the file cannot be read: it is larger than 1 MiB",
    ]);
  });

  it("are looked at even where the rest of the config is wrong", () => {
    const problems = problemsOf({ grace: "x", http: { auth: { tokenFile: "missing" } } }, { folder });
    assert.deepEqual(
      problems.map((problem) => problem.split(":")[0]),
      ["grace", "http.auth.tokenFile"],
    );
  });

  it("hold the secret of redacted keys, of 16 bytes and more, which no problem shows", () => {
    const redact = { mode: "template", keyFile: file("redact", "0123456789abcdef\n") };
    assert.deepEqual(parse({ redact }, { folder }).redact, { mode: "template", secret: "0123456789abcdef" });
    const short = { redact: { mode: "hash", keyFile: file("short", "0123456789abcde\n") } };
    assert.deepEqual(problemsOf(short, { folder }), [
      "redact.keyFile: the file holds fewer than 16 bytes; `openssl rand -hex 32` makes a good one",
    ]);
    const none = { redact: { mode: "hash", keyFile: "missing" } };
    assert.deepEqual(problemsOf(none, { folder }), [
      "redact.keyFile: the file cannot be read: no such file (ENOENT)",
    ]);
  });

  it("hold certificates that belong to their keys", () => {
    const none = file("none.pem", "no certificate\n");
    assert.deepEqual(
      problemsOf(
        {
          targets: [
            { url: "rediss://a", tls: { caFile: none } },
            { url: "rediss://b", tls: { certFile: none } },
          ],
          http: { tls: { certFile: none, keyFile: none } },
        },
        { folder },
      ).map((problem) => problem.replace(/together: .*/, "together")),
      [
        "targets[1].tls: certFile and keyFile belong together",
        "targets[0].tls.caFile: the file holds no certificate in PEM form",
        "http.tls.certFile: certFile and keyFile cannot be used together",
      ],
    );
  });

  it("come as PEM texts where they fit", () => {
    const tls = {
      caFile: file("ca.pem", CERT),
      certFile: file("cert.pem", CERT),
      keyFile: file("key.pem", KEY),
    };
    const config = parse(
      {
        targets: [{ url: "rediss://a", tls }],
        http: { tls: { certFile: "cert.pem", keyFile: "key.pem" } },
        kafka: { ssl: { ...tls, servername: "keyheat.test" } },
      },
      { folder },
    );
    assert.deepEqual(config.kafka.ssl, { ca: CERT, cert: CERT, key: KEY, servername: "keyheat.test" });
    assert.deepEqual(config.targets[0]?.tls, { ca: CERT, cert: CERT, key: KEY });
    assert.deepEqual(config.http.tls, { cert: CERT, key: KEY });
  });
});
