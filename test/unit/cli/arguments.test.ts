import assert from "node:assert/strict";
import { test } from "node:test";
import { httpUrl } from "../../../src/cli/arguments.ts";
import { createProgram, withoutCredentials } from "../../../src/cli/program.ts";
import { ConfigError } from "../../../src/config/load.ts";

test("the URL of an API is http or https", () => {
  assert.equal(httpUrl("https://keyheat.example/shop"), "https://keyheat.example/shop");
  for (const text of ["ftp://keyheat.example", "keyheat.example", ""]) {
    assert.throws(() => httpUrl(text), /Expected a URL such as/, text);
  }
});

test("keyheat top asks an API or watches servers: what would be ignored is refused", async () => {
  for (const option of ["--url=http://127.0.0.1:9380", "--cluster=prod", "--token-file=token"]) {
    const program = createProgram("1.2.3", () => assert.fail("nothing is to run"));
    program.commands.find((command) => command.name() === "top")?.configureOutput({ writeErr: () => {} });
    const argv = ["top", "--redis", "redis://127.0.0.1:1", option];
    await assert.rejects(
      program.parseAsync(argv, { from: "user" }),
      /'--redis <url>' cannot be used with option/,
    );
  }
});

test("what is said of a mistyped option shows no password", () => {
  assert.equal(
    withoutCredentials("error: unknown option '--redsi=redis://ada:p@ss/w#rd@10.0.0.1:6379'"),
    "error: unknown option '--redsi=redis://***@10.0.0.1:6379'",
  );
  assert.equal(withoutCredentials("see redis://10.0.0.1:6379"), "see redis://10.0.0.1:6379");
});

test("a URL of an API with a password is bad usage, and not repeated", async () => {
  const program = createProgram("1.2.3", () => assert.fail("nothing is to run"));
  const argv = ["silence", "list", "--url", "http://ada:hunter2@127.0.0.1:9380"];
  await assert.rejects(program.parseAsync(argv, { from: "user" }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /--url: .*--token-file/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});
