import assert from "node:assert/strict";
import { test } from "node:test";
import { peerOf } from "../../../src/redis/peer.ts";

test("a peer is written as an address with its port, IPv6 in brackets, mapped IPv4 as IPv4", () => {
  const peer = (remoteAddress?: string, remotePort?: number) => peerOf({ remoteAddress, remotePort });
  assert.equal(peer("10.0.0.1", 6379), "10.0.0.1:6379");
  assert.equal(peer("fd00::1", 6379), "[fd00::1]:6379");
  assert.equal(peer("::ffff:10.0.0.1", 6379), "10.0.0.1:6379");
  assert.equal(peer("::FFFF:10.0.0.1", 6379), "10.0.0.1:6379");
  assert.equal(peer(undefined, undefined), null);
});
