import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { load, startRedis, type TestServer } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const KEYS = 10_000;

describe("what a command prints", () => {
  let redis: TestServer;
  let args: readonly string[];

  before(async () => {
    redis = await startRedis(null, { args: ["--maxmemory-policy", "allkeys-lfu"] });
    await load(redis.port, KEYS, (n) => ["SET", `user:${n}`, "v"]);
    args = ["scan", "hot", "--redis", `redis://127.0.0.1:${redis.port}`, "--limit", String(KEYS), "--json"];
  });

  after(() => redis.stop());

  test("comes whole to a reader that takes its time", async () => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const { stdout } = child;
    // Node takes one buffer's worth and waits: the rest stays in the pipe, which has no room for all of it.
    await once(stdout, "readable");
    await waitFor("the pipe to be full, or the process to be gone", () => {
      return Promise.resolve(
        stdout.readableLength >= stdout.readableHighWaterMark || child.exitCode !== null,
      );
    });
    const pieces: Buffer[] = [];
    for await (const piece of stdout) pieces.push(piece as Buffer);
    if (child.exitCode === null) await once(child, "exit");
    const { keys } = JSON.parse(Buffer.concat(pieces).toString()) as { keys: unknown[] };
    assert.equal(keys.length, KEYS);
    assert.equal(child.exitCode, 0);
  });

  test("is a failure where it cannot be written", { skip: process.platform !== "linux" }, async () => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", full, "pipe"] });
    let stderr = "";
    child.stderr?.on("data", (piece: Buffer) => (stderr += piece.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 1);
    assert.match(stderr, /^keyheat: the output cannot be written: ENOSPC$/m);
  });
});
