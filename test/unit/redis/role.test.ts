import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseInfo } from "../../../src/redis/info.ts";
import { roleFromInfo, roleFromReply } from "../../../src/redis/role.ts";

describe("role", () => {
  it("is read from ROLE", () => {
    assert.deepEqual(roleFromReply(["master", 3129659, []]), { role: "primary", primary: null });
    assert.deepEqual(roleFromReply(["slave", "127.0.0.1", 9000, "connected", 3167038]), {
      role: "replica",
      primary: { host: "127.0.0.1", port: 9000 },
    });
    assert.deepEqual(roleFromReply(["sentinel", []]), { role: "unknown", primary: null });
    assert.deepEqual(roleFromReply(null), { role: "unknown", primary: null });
  });

  it("is the same from INFO replication", () => {
    assert.deepEqual(roleFromInfo(parseInfo("role:master\r\n")), { role: "primary", primary: null });
    assert.deepEqual(roleFromInfo(parseInfo("role:slave\r\nmaster_host:::1\r\nmaster_port:6379\r\n")), {
      role: "replica",
      primary: { host: "::1", port: 6379 },
    });
    assert.deepEqual(roleFromInfo(parseInfo("")), { role: "unknown", primary: null });
  });
});
