import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { command, freePort, redisServer, waitFor } from "./redis.ts";

export interface TestSentinel {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a Sentinel (quorum 1) over primaries by name and port; resolves when it answers. It ends with the test `t`. */
export async function startSentinel(
  t: TestContext,
  primaries: Readonly<Record<string, number>>,
): Promise<TestSentinel> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-sentinel-"));
  const lines = Object.entries(primaries).flatMap(([name, port]) => [
    `sentinel monitor ${name} 127.0.0.1 ${port} 1`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 10000`,
  ]);
  const file = join(folder, "sentinel.conf");
  await writeFile(file, `${lines.join("\n")}\n`);
  const { path, env } = await redisServer();
  const port = await freePort();
  const child = spawn(path, [file, "--port", `${port}`, "--bind", "127.0.0.1", "--sentinel"], {
    env: { ...process.env, ...env },
    stdio: "ignore",
  });
  const stop = () => end(child, folder);
  t.after(stop);
  await waitFor("the Sentinel to answer", async () => (await command(port, ["PING"])) === "PONG");
  return { port, url: `redis://127.0.0.1:${port}`, stop };
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }
  await rm(folder, { recursive: true, force: true });
}
