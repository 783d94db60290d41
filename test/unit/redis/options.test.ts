import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authArguments, connectionOptions, type TargetAccess } from "../../../src/redis/options.ts";

const timeouts = { connectTimeoutMs: 3000, commandTimeoutMs: 1000 };

function target(fields: Partial<TargetAccess>): TargetAccess {
  return { address: "h:1", endpoint: { host: "h", port: 1 }, ...fields };
}

describe("options of a connection", () => {
  it("hold host and port, an IPv6 address without brackets, or the path of a socket", () => {
    const tcp = connectionOptions(target({ endpoint: { host: "::1", port: 6379 } }), timeouts);
    assert.deepEqual([tcp.host, tcp.port, tcp.path, tcp.tls], ["::1", 6379, undefined, undefined]);
    const unix = connectionOptions(target({ endpoint: { path: "/run/redis.sock" } }), timeouts);
    assert.deepEqual([unix.host, unix.path], [undefined, "/run/redis.sock"]);
  });

  it("never hold credentials, so that no error of the client's can", () => {
    const options = connectionOptions(target({ username: "keyheat", password: "s3cret" }), timeouts);
    assert.doesNotMatch(JSON.stringify(options), /s3cret|keyheat/);
  });

  it("name the server to TLS, unless its address is no name", () => {
    const servername = (host: string, given?: string) =>
      connectionOptions(
        target({ endpoint: { host, port: 1 }, tls: given === undefined ? {} : { servername: given } }),
        timeouts,
      ).tls?.servername;
    assert.equal(servername("redis.example"), "redis.example");
    assert.equal(servername("10.0.0.1"), undefined);
    assert.equal(servername("10.0.0.1", "redis.example"), "redis.example");
  });

  it("log in the default user by password alone, as servers before Redis 6 need it", () => {
    assert.deepEqual(authArguments(target({ username: "default", password: "p" })), ["p"]);
    assert.deepEqual(authArguments(target({ password: "p" })), ["p"]);
    assert.deepEqual(authArguments(target({ username: "keyheat", password: "p" })), ["keyheat", "p"]);
    assert.equal(authArguments(target({ username: "keyheat" })), null);
  });
});
