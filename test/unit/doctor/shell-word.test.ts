import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { shellWord } from "../../../src/doctor/shell-word.ts";

test("a file's name in a line to run comes to the command as it is, whatever it holds", () => {
  for (const name of ["/etc/keyheat.yaml", "my config.yaml", 'it\'s $HOME; `id` "x" \\ *.yaml']) {
    const heard = execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(name)}`], { encoding: "utf8" });
    assert.equal(heard, name);
  }
  assert.equal(shellWord("/etc/keyheat.yaml"), "/etc/keyheat.yaml");
});
