import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tokenIn } from "../../../src/cli/api-client.ts";
import { ConfigError } from "../../../src/config/problem.ts";

function fileWith(t: TestContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-token-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "token");
  writeFileSync(file, content);
  return file;
}

test("a token is what stands in the file, without the end of its line", async (t) => {
  assert.equal(await tokenIn(fileWith(t, "s3cret\r\n")), "s3cret");
  assert.equal(await tokenIn(undefined), undefined);
});

test("a file that holds no token is named, and nothing of it is shown", async (t) => {
  for (const content of ["s3cret\ns3cret", "s3cret s3cret", "s3cr\u20act", "", "\n", "\u001b[2Js3cret"]) {
    await assert.rejects(tokenIn(fileWith(t, content)), (error: Error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^--token-file: expected a file with a token in it/m);
      assert.doesNotMatch(error.message, /s3c/);
      return true;
    });
  }
});

test("a file that is not there is named", async () => {
  await assert.rejects(tokenIn("/nowhere/token"), /--token-file: the file cannot be read: ENOENT/);
});
