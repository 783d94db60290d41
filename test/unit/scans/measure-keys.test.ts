import assert from "node:assert/strict";
import { test } from "node:test";
import { TargetError } from "../../../src/redis/problem.ts";
import type { Answer, CommandLine } from "../../../src/redis/session.ts";
import { type MeasuringServer, measureKeys } from "../../../src/scans/measure-keys.ts";
import { MemoryAccount } from "../../../src/scans/memory.ts";

/** A server whose answers are made up, and what it was asked. */
function serverOf(answer: (line: CommandLine) => Answer) {
  const asked: CommandLine[] = [];
  const groups: number[] = [];
  const server: MeasuringServer = {
    ask: async (lines) => {
      groups.push(lines.length);
      asked.push(...lines);
      return lines.map(answer);
    },
    refused: (right, message) =>
      new TargetError({ code: "REFUSED", message: `${right}: ${message}`, retryable: false }),
  };
  return { server, asked, groups };
}

const keysNamed = (...names: string[]) => names.map((name) => Buffer.from(name));

test("MEMORY USAGE is asked of the five types alone whose measuring cannot block, and never with SAMPLES 0", async () => {
  const types = ["string", "list", "set", "zset", "hash", "stream", "vectorset", "ReJSON-RL", "new"];
  // Each key is named after its type.
  const { server, asked } = serverOf(([command, word]) => ({
    value: command === "TYPE" ? String(word) : 50,
  }));
  const found = await measureKeys(server, keysNamed(...types));
  const measured = asked.filter(([command]) => command === "MEMORY").map(([, , key]) => String(key));
  assert.deepEqual(measured, types.slice(0, 5));
  assert.ok(asked.every((line) => !line.includes("SAMPLES")));
  assert.deepEqual(
    found.filter(({ bytes }) => bytes === null).map(({ type }) => type),
    types.slice(5),
  );
});

test("commands leave in small groups", async () => {
  const { server, groups } = serverOf(([command]) => ({ value: command === "TYPE" ? "string" : 50 }));
  await measureKeys(server, keysNamed(...Array.from({ length: 130 }, (_, n) => `k${n}`)));
  assert.ok(Math.max(...groups) <= 20, groups.join(" "));
  assert.equal(
    groups.reduce((sum, size) => sum + size, 0),
    260,
  );
});

test("keys that go before TYPE, before MEMORY USAGE, or to another node count nowhere", async () => {
  const { server } = serverOf(([command, word, key]) => {
    if (command === "TYPE" && String(word) === "gone") return { value: "none" };
    if (command === "TYPE" && String(word) === "moved") return { error: "ASK 5 127.0.0.1:7001" };
    if (command === "TYPE") return { value: "string" };
    return { value: String(key) === "going" ? null : 50 };
  });
  const account = new MemoryAccount([], undefined);
  await account.take(server, "127.0.0.1:6379", {
    db: 0,
    keys: keysNamed("gone", "going", "moved", "stays"),
    passed: 4,
  });
  assert.equal(account.goneKeys, 3);
  const [row, ...others] = account.table.patterns();
  assert.deepEqual([row?.pattern, row?.keys, row?.totalBytes], ["stays", 1, 50]);
  assert.equal(others.length, 0);
});

test("a refusal names the command that was refused", async () => {
  const { server } = serverOf(([command]) =>
    command === "TYPE" ? { value: "string" } : { error: "NOPERM" },
  );
  await assert.rejects(measureKeys(server, keysNamed("a")), /memory\|usage: NOPERM/);
});
