import assert from "node:assert/strict";
import { test } from "node:test";
import { ownEndOf, peerOf } from "../../../src/redis/peer.ts";

test("a peer is written as an address with its port, IPv6 in brackets, mapped IPv4 as IPv4", () => {
  const peer = (remoteAddress?: string, remotePort?: number) => peerOf({ remoteAddress, remotePort });
  assert.equal(peer("10.0.0.1", 6379), "10.0.0.1:6379");
  assert.equal(peer("fd00::1", 6379), "[fd00::1]:6379");
  assert.equal(peer("::ffff:10.0.0.1", 6379), "10.0.0.1:6379");
  assert.equal(peer("::FFFF:10.0.0.1", 6379), "10.0.0.1:6379");
  assert.equal(peer(undefined, undefined), null);
});

test("this end of a socket is told as the server names its client", () => {
  assert.equal(ownEndOf({ localAddress: "::ffff:10.0.0.1", localPort: 5000 }), "10.0.0.1:5000");
  assert.equal(ownEndOf({ localAddress: "::1", localPort: 5000 }), "[::1]:5000");
  assert.equal(ownEndOf({}), null);
});
