import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCommand } from "../../../src/redis/resp.ts";

test("words are counted in bytes, and bytes stay as they are", () => {
  const encoded = encodeCommand(["SET", "é", 12, Buffer.from([0xff, 0x0d, 0x0a])]);
  assert.equal(
    encoded.toString("latin1"),
    "*4\r\n$3\r\nSET\r\n$2\r\n\u00c3\u00a9\r\n$2\r\n12\r\n$3\r\n\u00ff\r\n\r\n",
  );
});
