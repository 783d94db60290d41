// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are what is tested.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "../../support/fast-check.ts";
import { parse, problemsOf } from "./problems-of.ts";

function target(url: string, env: Record<string, string>) {
  return parse({ targets: [{ url }] }, { env }).targets[0];
}

describe("environment variables", () => {
  it("stand percent-encoded in the user part of a URL, so any password is fine", () => {
    for (const PASSWORD of ["p@ss/w#rd", "50%off", "a:b@c", "ü ${HOME}", "$&", "?"]) {
      const found = target("redis://keyheat:${PASSWORD}@10.0.0.1:6379", { PASSWORD, HOME: "/root" });
      assert.equal(found?.password, PASSWORD);
      assert.equal(found?.username, "keyheat");
      assert.equal(found?.address, "10.0.0.1:6379");
      assert.equal(decodeURIComponent(new URL(found?.url ?? "").password), PASSWORD);
    }
  });

  it("carry any user and password through a URL unchanged", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(word, word, (USER, PASSWORD) => {
        const found = target("rediss://${USER}:${PASSWORD}@a", { USER, PASSWORD });
        assert.deepEqual([found?.username, found?.password, found?.address], [USER, PASSWORD, "a:6379"]);
      }),
    );
  });

  it("are put in as they are elsewhere: a whole URL, a host, a password of its own", () => {
    const env = { URL: "redis://u:p%40@a:1", HOST: "b", PASSWORD: "50%off" };
    assert.equal(target("${URL}", env)?.password, "p@");
    assert.equal(target("redis://${HOST}:7", env)?.address, "b:7");
    const own = parse({ targets: [{ url: "redis://a", password: "${PASSWORD}" }] }, { env });
    assert.equal(own.targets[0]?.password, "50%off");
  });

  it("are never typed, nor expanded again, nor looked for in keys", () => {
    const env = { NUMBER: "7", NESTED: "${NUMBER}", TEXT: "a: [b" };
    assert.equal(parse("cluster: '${NUMBER}'", { env }).cluster, "7");
    assert.deepEqual(parse("ignore: ['${NESTED}', '${TEXT}', 'x${NUMBER}y${NUMBER}']", { env }).ignore, [
      "${NUMBER}",
      "a: [b",
      "x7y7",
    ]);
    assert.deepEqual(problemsOf("panes: { keys: '${NUMBER}' }", { env }), [
      'panes.keys: expected a whole number from 16 to 1048576, got "${NUMBER}"',
    ]);
    assert.equal(problemsOf({ "${NUMBER}": 1 }, { env }).length, 1);
  });

  it("that are missing or no names are problems, each with its path and none with an echo", () => {
    assert.deepEqual(
      problemsOf(
        {
          targets: [{ url: "redis://u:${NO_PASSWORD}@a" }],
          grace: "${NO_GRACE}",
          ignore: ["${a-b}", "${open", "${toString}"],
        },
        { env: {} },
      ),
      [
        "targets[0].url: the environment variable NO_PASSWORD is not set",
        "grace: the environment variable NO_GRACE is not set",
        'ignore[0]: expected ${NAME} of letters, digits and _, got "${a-b}"',
        "ignore[1]: a placeholder is not closed by }",
        "ignore[2]: the environment variable toString is not set",
      ],
    );
  });

  it("never show in a problem what they hold", () => {
    const env = { SECRET: "hunter2" };
    const config = {
      cluster: "${SECRET}!",
      grace: "${SECRET}",
      targets: [
        { url: "${SECRET}" },
        { url: "redis://${SECRET}:${SECRET}@a/x" },
        { url: "x", passwordFile: "/no/${SECRET}" },
      ],
      rules: [{ name: "a", type: "${SECRET}", window: "${SECRET}" }],
      receivers: [{ name: "hook", webhook: { url: "ftp://${SECRET}" } }],
      routes: [{ receivers: ["${SECRET} x"] }],
    };
    const problems = problemsOf(config, { env });
    assert.ok(problems.length >= 9, problems.join("\n"));
    assert.ok(!problems.join("\n").includes("hunter2"), problems.join("\n"));
  });

  it("cannot make a text endless", () => {
    const env = { BIG: "x".repeat(40_000) };
    assert.deepEqual(problemsOf({ ignore: ["${BIG}${BIG}"] }, { env }), ["ignore[0]: is longer than 64 KiB"]);
  });
});
