import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type OwnServer, startRedisServer } from "../../src/cli/demo/own-server.ts";
import { findRedisServer, type RedisServer } from "../../src/cli/demo/redis-server.ts";
import { encodeCommand, type Word } from "../../src/redis/resp.ts";
import { freePort } from "./free-port.ts";
import { type Reply, ReplyError, ReplyReader } from "./replies.ts";
import { waitFor } from "./wait.ts";

export { freePort } from "./free-port.ts";
export { type Reply, ReplyError } from "./replies.ts";
export { waitFor } from "./wait.ts";

export interface ServerOptions {
  /** Further arguments of redis-server: `["--requirepass", "x"]`. */
  readonly args?: readonly string[];
  /** A free one if left out; give one to start again where a server was. */
  readonly port?: number;
}

/** A test's server. `process.kill("SIGSTOP")` and the like may be used as they are. */
export type TestServer = OwnServer;

let found: Promise<RedisServer> | undefined;

/** The redis-server of this machine, looked for (or fetched) once a process. */
export function redisServer(): Promise<RedisServer> {
  found ??= findRedisServer();
  return found;
}

/** Starts an empty server; it ends with the test `t`, or with `stop()` before that. */
export async function startRedis(t: TestContext | null, options: ServerOptions = {}): Promise<TestServer> {
  // A primary waits 5 s for further replicas by default, before it sends the first one its data.
  const args = ["--repl-diskless-sync-delay", "0", ...(options.args ?? [])];
  const port = options.port ?? (await freePort());
  const server = await startRedisServer({ ...options, args, port, server: await redisServer() });
  t?.after(() => server.stop());
  return server;
}

/** Starts a replica of the server at `primaryPort`; resolves when the link is up. */
export async function startReplica(
  t: TestContext | null,
  primaryPort: number,
  { args = [], ...options }: ServerOptions = {},
): Promise<TestServer> {
  const link = ["--replicaof", "127.0.0.1", String(primaryPort)];
  const replica = await startRedis(t, { ...options, args: [...link, ...args] });
  await waitFor("the replica's link", async () => {
    return String(await command(replica.port, ["INFO", "replication"])).includes("master_link_status:up");
  });
  return replica;
}

/** A connection for several commands; replies come in order. */
export class TestConnection implements Disposable {
  readonly #socket: Socket;
  readonly #replies: ReplyReader;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#replies = new ReplyReader(socket);
  }

  static async open(port: number): Promise<TestConnection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new TestConnection(socket);
  }

  /** Throws: ReplyError for an error reply; Error when the connection is lost or nothing comes for 10 s. */
  async command(words: readonly Word[]): Promise<Reply> {
    this.#socket.write(encodeCommand(words));
    const reply = await this.#replies.next();
    if (reply instanceof ReplyError) throw reply;
    return reply;
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * One command on a connection of its own.
 *
 * Replies: bulk strings as Buffer, simple strings as string, integers as number, nil as null, arrays as arrays.
 * Throws: ReplyError for an error reply.
 */
export async function command(port: number, words: readonly Word[]): Promise<Reply> {
  using connection = await TestConnection.open(port);
  return await connection.command(words);
}

const LOAD_BATCH = 200;

/**
 * Sends commands `make(0)` to `make(n - 1)`, pipelined, evenly at about `perSecond` (as fast as it goes by default).
 *
 * Returns: how long it took until all were answered, in ms. Throws: ReplyError for the first error reply.
 */
export async function load(
  port: number,
  n: number,
  make: (index: number) => readonly Word[],
  perSecond = Number.POSITIVE_INFINITY,
): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const replies = new ReplyReader(socket);
  const allAnswered = answered(replies, n);
  // A failure is thrown at the end; without this it counts as unhandled before that.
  allAnswered.catch(() => {});
  try {
    const startMs = performance.now();
    // At a pace, a batch every 5 ms; the commands of a batch leave in one write.
    const batch = Math.max(1, Math.min(LOAD_BATCH, Math.round(perSecond / 200)));
    for (let first = 0; first < n; first += batch) {
      const waitMs = startMs + (first / perSecond) * 1000 - performance.now();
      if (waitMs > 1) await sleep(waitMs);
      const commands: Buffer[] = [];
      for (let i = first; i < Math.min(n, first + batch); i++) commands.push(encodeCommand(make(i)));
      if (!socket.write(Buffer.concat(commands))) await Promise.race([once(socket, "drain"), allAnswered]);
    }
    await allAnswered;
    return performance.now() - startMs;
  } finally {
    socket.destroy();
  }
}

async function answered(replies: ReplyReader, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    const reply = await replies.next();
    if (reply instanceof ReplyError) throw reply;
  }
}
