import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startKeyheat } from "../support/keyheat.ts";
import { startProxy } from "../support/proxy.ts";
import { command, freePort, load, startRedis, waitFor } from "../support/redis.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];
/** What an outage may take to be noticed. */
const NOTICE_MS = 5000;

const setsOf = (key: string) => () => ["SET", key, "v"];

describe("an outage", { concurrency: 2 }, () => {
  it("at the start is waited out: the process is up, says why it is not ready, and counts as soon as Redis comes", async (t) => {
    const port = await freePort();
    const keyheat = await startKeyheat(t, { redisUrls: [`redis://127.0.0.1:${port}`] });
    const reasons = await keyheat.unready(new RegExp(`127\\.0\\.0\\.1:${port}: connection refused`));
    assert.match(reasons, /check that Redis runs/);
    assert.equal((await keyheat.get("/healthz")).status, 200);
    await startRedis(t, { port, args: EVENTS_ON });
    await keyheat.ready();
    await load(port, 500, setsOf("k"));
    await keyheat.counts("k", 500);
    // Nothing was interrupted: nobody had been watching before.
    assert.equal((await keyheat.source())?.gaps, 0);
  });

  it("of a Redis that is killed and started again leaves a gap, and counting goes on", async (t) => {
    const port = await freePort();
    const server = await startRedis(t, { port, args: EVENTS_ON });
    const keyheat = await startKeyheat(t, { redisUrls: [server.url] });
    await keyheat.ready();
    await load(port, 300, setsOf("k"));
    await keyheat.counts("k", 300);
    await keyheat.watches();
    await server.stop();
    await keyheat.unready(/connection refused/, NOTICE_MS);
    await keyheat.sourceIs("down", ({ state }) => state === "down", NOTICE_MS);
    await startRedis(t, { port, args: EVENTS_ON });
    await keyheat.ready();
    await keyheat.sourceIs("up after a gap", ({ state, gaps }) => state === "up" && gaps === 1);
    assert.equal(await keyheat.gaps("closed"), 1);
    await load(port, 200, setsOf("k"));
    const { count } = await keyheat.counts("k", 500);
    assert.equal(count.upper, null, "nobody knows what happened in the gap");
  });

  it("of the flags, lost in a restart, is named: verify does not go on with nothing to hear", async (t) => {
    const port = await freePort();
    const server = await startRedis(t, { port, args: EVENTS_ON });
    const keyheat = await startKeyheat(t, { redisUrls: [server.url] });
    await keyheat.ready();
    await server.stop();
    await startRedis(t, { port });
    await keyheat.unready(/CONFIG SET notify-keyspace-events/, 12_000);
    await keyheat.sourceIs(
      "down for its flags",
      ({ state, reason }) => state === "down" && reason?.includes("CONFIG SET") === true,
    );
  });

  it("of the subscription, killed, is a gap of a moment", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await startKeyheat(t, { redisUrls: [server.url] });
    await keyheat.ready();
    await load(server.port, 300, setsOf("k"));
    await keyheat.counts("k", 300);
    await keyheat.watches();
    assert.equal(await command(server.port, ["CLIENT", "KILL", "TYPE", "pubsub"]), 1);
    await keyheat.sourceIs("up after a gap", ({ state, gaps }) => state === "up" && gaps === 1, NOTICE_MS);
    assert.equal(await keyheat.gaps("closed"), 1);
    await load(server.port, 200, setsOf("k"));
    const { count } = await keyheat.counts("k", 500);
    assert.equal(count.upper, null);
  });

  it("of a paused server is noticed within 5 s, and counting goes on when it answers again", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await startKeyheat(t, { redisUrls: [server.url] });
    await keyheat.ready();
    await load(server.port, 300, setsOf("k"));
    await keyheat.counts("k", 300);
    await keyheat.watches();
    await command(server.port, ["CLIENT", "PAUSE", 7000, "ALL"]);
    await keyheat.sourceIs("down", ({ state }) => state === "down", NOTICE_MS);
    assert.match(String(await keyheat.unreadyReasons()), /paused|not answered/);
    // This waits in the server until the pause is over, and is heard over the same subscription.
    await load(server.port, 200, setsOf("k"));
    await keyheat.sourceIs("up after a gap", ({ state, gaps }) => state === "up" && gaps === 1);
    assert.equal(await keyheat.gaps("unresponsive"), 1);
    await load(server.port, 100, setsOf("k"));
    await keyheat.counts("k", 600);
  });

  it("of the network that leaves connections half-open is noticed within 5 s, and counting goes on over new ones", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [proxy.url] });
    await keyheat.ready();
    await load(server.port, 300, setsOf("k"));
    await keyheat.counts("k", 300);
    await keyheat.watches();
    proxy.freeze();
    // The control connection comes back at once, which must not hide that the subscription is dead.
    await keyheat.sourceIs("down", ({ state }) => state === "down", NOTICE_MS);
    await keyheat.sourceIs("up after a gap", ({ state, gaps }) => state === "up" && gaps === 1, 10_000);
    assert.equal(await keyheat.gaps("unresponsive"), 1);
    await load(server.port, 200, setsOf("k"));
    await keyheat.counts("k", 500);
    assert.ok(proxy.connections < 10, `${proxy.connections} connections`);
  });
});

describe("a standalone process", { concurrency: 2 }, () => {
  it("exits 0 within 5 s of SIGTERM", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await runStandalone(t, server.url);
    await keyheat.says(/"listening to keyspace events"/);
    await exitsInTime(keyheat.process);
  });

  it("exits 0 within 5 s of SIGTERM while Redis hangs", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await runStandalone(t, server.url);
    await keyheat.says(/"listening to keyspace events"/);
    server.process.kill("SIGSTOP");
    await keyheat.says(/"not listening to keyspace events"/);
    await exitsInTime(keyheat.process);
  });

  it("exits 0 within 5 s of SIGTERM in the moment in which Redis begins to hang", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await runStandalone(t, server.url);
    await keyheat.says(/"listening to keyspace events"/);
    server.process.kill("SIGSTOP");
    await exitsInTime(keyheat.process);
  });

  it("exits 0 within 5 s of SIGTERM while Redis has never been there", async (t) => {
    const keyheat = await runStandalone(t, `redis://127.0.0.1:${await freePort()}`);
    await keyheat.says(/"target down"/);
    await exitsInTime(keyheat.process);
  });
});

interface RunningProcess {
  readonly process: ChildProcess;
  says(words: RegExp): Promise<unknown>;
}

async function runStandalone(t: TestContext, url: string): Promise<RunningProcess> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-outage-"));
  const config = join(folder, "keyheat.yaml");
  await writeFile(config, JSON.stringify({ targets: [{ url }], http: { listen: "127.0.0.1:0" } }));
  const args = [MAIN, "standalone", "--config", config, "--data-dir", join(folder, "data")];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  t.after(async () => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (piece: Buffer) => {
      output += piece.toString();
    });
  }
  return {
    process: child,
    says: (words) =>
      waitFor(`the process to say ${words}`, () => {
        if (!words.test(output)) throw new Error(output);
        return true;
      }),
  };
}

async function exitsInTime(child: ChildProcess): Promise<void> {
  const startMs = performance.now();
  child.kill("SIGTERM");
  const [code, signal] = await once(child, "exit", { signal: AbortSignal.timeout(8000) });
  const tookMs = performance.now() - startMs;
  assert.deepEqual([code, signal], [0, null]);
  assert.ok(tookMs < 5000, `it took ${Math.round(tookMs)} ms`);
}
