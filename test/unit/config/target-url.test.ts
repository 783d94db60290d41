import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTargetUrl } from "../../../src/config/target-url.ts";

function value(url: string) {
  const parsed = parseTargetUrl(url);
  assert.ok("value" in parsed, `${url}: ${"problem" in parsed ? parsed.problem : ""}`);
  return parsed.value;
}

function problem(url: string): string {
  const parsed = parseTargetUrl(url);
  assert.ok("problem" in parsed, url);
  return parsed.problem;
}

describe("the URL of a target", () => {
  it("names a host and a port, 6379 where there is none", () => {
    assert.deepEqual(value("redis://Cache.Example:7000").endpoint, { host: "cache.example", port: 7000 });
    assert.equal(value("redis://localhost").address, "localhost:6379");
    assert.equal(value("redis://10.0.0.1:6379/").address, "10.0.0.1:6379");
    assert.equal(value("redis://10.0.0.1/0").address, "10.0.0.1:6379");
    assert.equal(value("REDIS://a").tls, false);
    assert.equal(value("rediss://a").tls, true);
  });

  it("has an IPv6 address in brackets", () => {
    const found = value("redis://[::1]:6380");
    assert.deepEqual(found.endpoint, { host: "::1", port: 6380 });
    assert.equal(found.address, "[::1]:6380");
    assert.match(problem("redis://::1:6379"), /in brackets/);
    assert.match(problem("redis://[::g]"), /host name or an IP address/);
  });

  it("may be a unix socket", () => {
    const found = value("unix:///run/redis.sock");
    assert.deepEqual(found.endpoint, { path: "/run/redis.sock" });
    assert.equal(found.address, "unix:///run/redis.sock");
    assert.match(problem("unix://run/redis.sock"), /three slashes/);
    assert.match(problem("unix:///"), /absolute path/);
  });

  it("carries credentials, percent-encoded, which its address does not", () => {
    const found = value("redis://us%40er:p%2Fw%3A1@a:1");
    assert.deepEqual([found.username, found.password, found.address], ["us@er", "p/w:1", "a:1"]);
    assert.deepEqual([value("redis://:pw@a").username, value("redis://:pw@a").password], [undefined, "pw"]);
    assert.equal(value("redis://u:p@ss@a").password, "p@ss");
  });

  it("is explained where it is none, without a word of what it says", () => {
    assert.match(problem("localhost:6379"), /write redis:\/\/ before/);
    assert.match(problem("[::1]:6379"), /write redis:\/\/ before/);
    assert.match(problem("/run/redis.sock"), /write unix:\/\/ before/);
    assert.match(problem("valkey://a"), /redis:\/\/, rediss:\/\/ \(TLS\) or unix:\/\//);
    assert.match(problem("redis://"), /host name/);
    assert.match(problem("redis://10.0.0.256"), /host name or an IP address/);
    assert.match(problem("redis://a:0"), /port/);
    assert.match(problem("redis://a:65536"), /port/);
    assert.match(problem("redis://a/3"), /every database/);
    assert.match(problem("redis://a?db=1"), /no parameters/);
    for (const url of [
      "redis://u:hunter2/x@a",
      "redis://u:hunter2#@a",
      "redis://u:hunter2%zz@a",
      "hunter2 x",
    ]) {
      assert.doesNotMatch(problem(url), /hunter2/);
    }
    assert.match(problem("redis://u:p/w@a"), /percent-encode/);
    assert.match(problem("redis://u:50%off@a"), /percent-encod/);
  });
});
