import { DemoLoad, SCHEDULE } from "./demo/load.ts";
import { startRedisServer } from "./demo/own-server.ts";
import { findRedisServer } from "./demo/redis-server.ts";
import { READ_HOT, Storefront } from "./demo/storefront.ts";
import { stopRequest } from "./stop-request.ts";
import { watch, watchedServers } from "./watch.ts";

export interface DemoOptions {
  /** A server that is already there; left out, one is started, with a load on it. */
  readonly redis?: string | undefined;
  /** Ends by itself after so long. */
  readonly seconds?: number | undefined;
  /** Of the HTTP API. */
  readonly port?: number | undefined;
}

/** `keyheat demo`: standalone with a live view. Returns the exit code. */
export async function demoCommand({ redis, seconds, port }: DemoOptions): Promise<number> {
  using stop = stopRequest();
  const limit = seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1000)];
  const signal = AbortSignal.any([stop, ...limit]);
  try {
    if (redis === undefined) await showOwnServer(signal, port);
    else await showGivenServer(redis, signal, port);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 0;
}

async function showGivenServer(url: string, signal: AbortSignal, port: number | undefined): Promise<void> {
  // A server that is not ours is left as it is.
  const servers = watchedServers([url], { configure: "verify", port });
  const subtitle = `watching ${servers.names}`;
  await watch({ servers, texts: { title: "keyheat demo", subtitle }, signal });
}

async function showOwnServer(signal: AbortSignal, port: number | undefined): Promise<void> {
  const progress = (line: string) => process.stderr.write(`keyheat: ${line}\n`);
  const server = await findRedisServer({ progress, signal });
  await using redis = await startRedisServer({ server, args: BOUNDED });
  const servers = watchedServers([redis.url], { configure: "ensure", port });
  const load = new DemoLoad(redis.port);
  const subtitle = `its own ${server.flavor}-server ${server.version} with a demo load; ${announcement()}`;
  const startMs = performance.now();
  let storefront: Storefront | null = null;
  const onListening = (url: string) => {
    storefront = new Storefront(redis.port, url, startMs);
  };
  try {
    await watch({ servers, texts: { title: "keyheat demo", subtitle }, signal, onListening });
  } finally {
    load.stop();
    await (storefront as Storefront | null)?.stop();
  }
}

/** The demo may run for days. */
const BOUNDED = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"];

function announcement(): string {
  const [first] = SCHEDULE;
  if (first === undefined) return "nothing overheats";
  return `one key overheats by writes after ${first.fromMs / 1000} s, one by reads after ${READ_HOT.fromMs / 1000} s`;
}
