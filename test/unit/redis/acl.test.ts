import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  createUserArguments,
  createUserLine,
  grantCommandsLine,
  grantFactsLine,
  VERIFY_RIGHTS,
} from "../../../src/redis/acl.ts";

describe("ACL lines", () => {
  it("make the minimal user for verify", () => {
    assert.equal(
      createUserLine("keyheat", VERIFY_RIGHTS),
      "ACL SETUSER keyheat on >PASSWORD resetkeys resetchannels -@all +psubscribe +ping +info +role +config|get +cluster|nodes +cluster|slots &__keyevent@*__:*",
    );
  });

  it("add CONFIG SET for ensure only, keys for facts only", () => {
    const ensure = createUserLine("keyheat", { ...VERIFY_RIGHTS, configure: "ensure" });
    assert.match(ensure, / \+config\|set /);
    assert.doesNotMatch(ensure, /%R/);
    const facts = createUserLine("keyheat", { ...VERIFY_RIGHTS, facts: true });
    assert.match(facts, / \+memory\|usage .* %R~\* /);
    assert.doesNotMatch(facts, /config\|set/);
  });

  it("quote what redis-cli would split", () => {
    const rights = { ...VERIFY_RIGHTS, channels: ['__keyspace@*__:a b"c\n*'] };
    assert.match(createUserLine("keyheat", rights), / "&__keyspace@\*__:a b\\"c\\x0a\*"$/);
    assert.equal(createUserArguments("keyheat", "p", rights).at(-1), '&__keyspace@*__:a b"c\n*');
  });

  it("name the default user where there is no other", () => {
    assert.equal(grantCommandsLine(undefined, ["config|get"]), "ACL SETUSER default +config|get");
    assert.match(grantFactsLine("k"), /^ACL SETUSER k \+type .* \+client\|no-touch %R~\*$/);
    const old = { hasNoTouch: false, hasReadKeys: false };
    assert.match(grantFactsLine("k", old), /^ACL SETUSER k \+type .* \+select ~\*$/);
  });

  it("stand in the docs as they are made here", () => {
    const docs = readFileSync(new URL("../../../docs/redis-permissions.md", import.meta.url), "utf8");
    const rights = [
      VERIFY_RIGHTS,
      { ...VERIFY_RIGHTS, configure: "ensure" as const },
      { ...VERIFY_RIGHTS, facts: true },
    ];
    for (const right of rights)
      assert.ok(docs.includes(createUserLine("keyheat", right)), createUserLine("keyheat", right));
    assert.ok(docs.includes(grantFactsLine("keyheat")), grantFactsLine("keyheat"));
  });
});
