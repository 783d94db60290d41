import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeCommand } from "../../redis/resp.ts";
import { freePort } from "./free-port.ts";
import { findRedisServer, type RedisServer, RedisServerError } from "./redis-server.ts";

/** A server of our own: it keeps nothing, listens on the loopback interface only, and ends with us. */
export interface OwnServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly process: ChildProcess;
  /** Ends the server at once and removes its folder. May be called again. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** The program; found or fetched if left out. */
  readonly server?: RedisServer;
  /** A free one if left out. */
  readonly port?: number;
  /** Further arguments of redis-server; they stand above the defaults. */
  readonly args?: readonly string[];
  readonly readyTimeoutMs?: number;
}

const PORT_ATTEMPTS = 3;
const OUTPUT_CHARACTERS_KEPT = 4096;

/**
 * Starts a redis-server in a temporary folder; resolves when it answers.
 *
 * Throws: RedisServerError, with the server's own reason.
 */
export async function startRedisServer(options: StartOptions = {}): Promise<OwnServer> {
  const server = options.server ?? (await findRedisServer());
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await startOnPort(server, port, options);
    } catch (error) {
      // Somebody else may have taken the free port in between.
      if (options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOnPort(
  server: RedisServer,
  port: number,
  { args = [], readyTimeoutMs = 10_000 }: StartOptions,
): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-redis-"));
  const defaults = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const child = spawn(server.path, ["--port", String(port), ...defaults, ...args], {
    env: { ...process.env, ...server.env },
    stdio: ["ignore", "pipe", "pipe"],
    // In its own process group Ctrl-C does not reach it: it ends when we end it, after what reads from it.
    detached: true,
  });
  const output = lastOutput(child);
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const failed = new Promise<string>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("exit", () => resolve(output()));
  });
  const guard = guardAgainstOurDeath(child, folder);
  let stopping: Promise<void> | undefined;
  const end = async () => {
    if (child.pid !== undefined) {
      // Nothing of it is kept, so it need not shut down in order, which may take it seconds (replicas, a script).
      child.kill("SIGKILL");
      await exited;
    }
    guard.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  const stop = () => {
    stopping ??= end();
    return stopping;
  };
  try {
    await waitUntilItAnswers(port, failed, readyTimeoutMs);
    // Another server on that port may have answered in its place.
    if (child.exitCode !== null) throw new RedisServerError("NOT_STARTED", `redis-server ended: ${output()}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    process: child,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * A shell that waits on a pipe which only we hold: if we die, also by SIGKILL, the kernel closes the pipe, and the shell
 * ends the server and removes its folder.
 */
function guardAgainstOurDeath(server: ChildProcess, folder: string): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1" 2>/dev/null; rm -rf -- "$2"';
  const guard = spawn("/bin/sh", ["-c", script, "keyheat-guard", String(server.pid ?? ""), folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Where there is no shell there is no guard; the server runs all the same.
  guard.once("error", () => {});
  guard.stdin.once("error", () => {});
  // A server that ended by itself leaves a number that another process may get.
  server.once("exit", () => {
    guard.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  guard.unref();
  return guard;
}

function lastOutput(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (piece: Buffer) => {
      text = (text + piece.toString("utf8")).slice(-OUTPUT_CHARACTERS_KEPT);
    });
  }
  return () => text.trim().split("\n").slice(-2).join("; ") || "it ended without a word";
}

async function waitUntilItAnswers(port: number, failed: Promise<string>, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  const failure = failed.then((reason) => ({ reason }));
  while (performance.now() < endMs) {
    const outcome = await Promise.race([failure, answers(port)]);
    if (outcome === true) return;
    if (outcome !== false) {
      throw new RedisServerError("NOT_STARTED", `redis-server did not start: ${outcome.reason}`);
    }
    await sleep(10);
  }
  throw new RedisServerError("NOT_STARTED", `redis-server did not answer within ${timeoutMs} ms`);
}

/** Whether anything of the protocol comes back: `-NOAUTH` and `-LOADING` are answers too. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    socket.write(encodeCommand(["PING"]));
    const [reply]: Buffer[] = await once(socket, "data", { signal: AbortSignal.timeout(1000) });
    return reply !== undefined && reply.length > 0;
  } catch {
    return false;
  } finally {
    socket.once("error", () => {});
    socket.destroy();
  }
}
