import assert from "node:assert/strict";
import { test } from "node:test";
import { dependencies } from "../../../../src/cli/demo/debian-package.ts";

test("dependencies are read without versions, of alternatives the first", () => {
  assert.deepEqual(
    dependencies("adduser, libatomic1 (>= 4.8), libsystemd0 | libelogind0, libstdc++6:any (>= 5)\n"),
    ["adduser", "libatomic1", "libsystemd0", "libstdc++6"],
  );
  assert.deepEqual(dependencies(""), []);
});
