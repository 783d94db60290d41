import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseInfo } from "../../../src/redis/info.ts";
import { replicasFromInfo, replicasFromReply, roleFromInfo, roleFromReply } from "../../../src/redis/role.ts";

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

  it("comes with who replicates, from ROLE and from INFO", () => {
    const places = [
      { host: "10.0.0.2", port: 6379 },
      { host: "::1", port: 6380 },
    ];
    assert.deepEqual(
      replicasFromReply([
        "master",
        3129659,
        [["10.0.0.2", "6379", "3129242"], ["::1", "6380", "0"], ["", "6381", "0"], "no"],
      ]),
      places,
    );
    assert.deepEqual(replicasFromReply(["slave", "127.0.0.1", 9000, "connected", 3167038]), []);
    const lines = [
      "role:master",
      "connected_slaves:2",
      "slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0",
      "slave1:ip=::1,port=6380,state=wait_bgsave,offset=0,lag=0",
      "slave2:ip=10.0.0.4,port=0,state=online",
      "slave_priority:100",
    ];
    assert.deepEqual(replicasFromInfo(parseInfo(lines.join("\r\n"))), places);
  });
});
