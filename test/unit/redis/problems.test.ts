import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { retryMaxMs } from "../../../src/redis/problem.ts";
import { connectionProblem, refusalReason } from "../../../src/redis/reply-problem.ts";
import { socketProblem } from "../../../src/redis/socket-problem.ts";

const asker = { username: "keyheat", hasPassword: true };

function errorOf(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

describe("problems of a target", () => {
  const replies: [reply: string, code: string, says: RegExp][] = [
    [
      "WRONGPASS invalid username-password pair or user is disabled.",
      "AUTH",
      /ACL SETUSER keyheat on >PASSWORD/,
    ],
    ["ERR invalid password", "AUTH", /ACL SETUSER keyheat on >PASSWORD/],
    ["NOAUTH Authentication required.", "AUTH", /logged out/],
    ["LOADING Redis is loading the dataset in memory", "LOADING", /loading its data set$/],
    ["BUSY Redis is busy running a script.", "BUSY", /SCRIPT KILL/],
    ["MASTERDOWN Link with MASTER is down", "MASTERDOWN", /lost its primary/],
    ["DENIED Redis is running in protected mode", "DENIED", /CONFIG SET protected-mode no/],
    ["ERR max number of clients reached", "FULL", /CONFIG SET maxclients/],
  ];
  for (const [reply, code, says] of replies) {
    it(`are ${code} for "${reply.slice(0, 24)}"`, () => {
      const problem = connectionProblem(reply, asker);
      assert.equal(problem?.code, code);
      assert.match(problem?.message ?? "", says);
      assert.doesNotMatch(problem?.message ?? "", /\n/);
    });
  }

  it("name the user to make where no password was given", () => {
    const problem = connectionProblem("NOAUTH Authentication required.", {
      username: undefined,
      hasPassword: false,
    });
    assert.match(problem?.message ?? "", /ACL SETUSER keyheat on >PASSWORD .*&__keyevent@\*__:\*/);
  });

  it("are none of the whole connection where one command is refused", () => {
    assert.equal(connectionProblem("NOPERM this user has no permissions", asker), null);
    assert.equal(connectionProblem("ERR unknown command 'CONFIG'", asker), null);
  });

  it("say the line to run for a command without permission, and that others are not offered", () => {
    assert.equal(
      refusalReason("config|get", "NOPERM this user has no permissions", "keyheat"),
      'user "keyheat" may not run CONFIG GET; run: ACL SETUSER keyheat +config|get',
    );
    assert.match(
      refusalReason("config|get", "ERR unknown command `CONFIG`", "x"),
      /does not offer CONFIG GET/,
    );
  });

  it("say the line to run for keys without permission, and that the whole cluster is down", () => {
    for (const reply of [
      "NOPERM this user has no permissions to access one of the keys used as arguments",
      "NOPERM No permissions to access a key",
    ]) {
      assert.equal(
        refusalReason("memory|usage", reply, "keyheat"),
        'user "keyheat" may not ask MEMORY USAGE of some keys; run: ACL SETUSER keyheat %R~* (or ~* before Redis 7)',
      );
    }
    assert.match(refusalReason("type", "CLUSTERDOWN The cluster is down", "x"), /its cluster is down/);
  });

  const plain = { usesTls: false, isUnixSocket: false, isReached: true, hasAnswered: false };
  const tls = { ...plain, usesTls: true };

  it("of sockets are unreachable or TLS, and say what to check", () => {
    assert.match(socketProblem(errorOf("ECONNREFUSED"), plain).message, /nothing listens/);
    assert.match(socketProblem(errorOf("ENOTFOUND"), plain).message, /host name is not known/);
    const both = new AggregateError([errorOf("ECONNREFUSED"), errorOf("ECONNREFUSED")]);
    assert.equal(socketProblem(both, plain).code, "UNREACHABLE");
    assert.match(socketProblem(errorOf("ERR_SSL_WRONG_VERSION_NUMBER"), tls).message, /redis:\/\//);
    assert.match(socketProblem(errorOf("DEPTH_ZERO_SELF_SIGNED_CERT"), tls).message, /tls\.caFile/);
    assert.match(socketProblem(new Error('Unknown RESP type 21 "\u0015"'), plain).message, /rediss:\/\//);
    assert.equal(socketProblem(errorOf("ECONNRESET"), plain).code, "CLOSED");
    assert.match(socketProblem(null, plain).message, /rediss:\/\//);
    assert.doesNotMatch(socketProblem(null, { ...plain, hasAnswered: true }).message, /rediss/);
    assert.equal(socketProblem(errorOf("ETIMEDOUT"), tls).code, "TLS");
    assert.equal(socketProblem(errorOf("ETIMEDOUT"), { ...tls, isReached: false }).code, "UNREACHABLE");
  });

  it("never repeat what a client's error carries", () => {
    const err = Object.assign(new Error("AUTH keyheat s3cret failed"), { command: { args: ["s3cret"] } });
    assert.doesNotMatch(JSON.stringify(socketProblem(err, plain)), /s3cret/);
    assert.doesNotMatch(JSON.stringify(connectionProblem("WRONGPASS s3cret", asker)), /s3cret/);
  });

  it("that only people can change are tried again every 30 s at most, others every 5 s", () => {
    assert.equal(retryMaxMs("AUTH"), 30_000);
    assert.equal(retryMaxMs("UNREACHABLE"), 5000);
    assert.equal(retryMaxMs("LOADING"), 1000);
  });
});
