import { setTimeout as sleep } from "node:timers/promises";
import { defaultConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { ListenError } from "../http/listener.ts";
import { createLogger, type Logger, silentLogger } from "../runtime/logger.ts";
import type { Standalone } from "../standalone.ts";
import { ApiSource } from "./view/api-source.ts";
import type { FrameTexts } from "./view/frame.ts";
import { ALL_KEYS } from "./view/key-order.ts";
import { showLiveView } from "./view/live-view.ts";

export interface WatchOptions {
  readonly servers: WatchedServers;
  readonly texts: Omit<FrameTexts, "footer">;
  readonly signal: AbortSignal;
  /** Called once, with the URL of the API without a trailing slash. */
  readonly onListening?: (url: string) => void;
}

const STOP_MS = 3000;
const USUAL_PORT = 9380;

/** Shows what a standalone of its own sees, until `signal` aborts or the user quits. */
export async function watch({ servers, texts, signal, onListening }: WatchOptions): Promise<void> {
  await whileWatching(servers, viewLogger(), async (url) => {
    onListening?.(url);
    const footer = `API ${url}/api/v1/hotkeys`;
    const { stdout: out, stdin: input, env } = process;
    const source = new ApiSource({ url });
    await showLiveView({
      source,
      texts: { ...texts, footer },
      selection: ALL_KEYS,
      out,
      input,
      env,
      signal,
    });
  });
}

/**
 * Runs a standalone that keeps nothing on disk for as long as `use` takes; `use` gets the URL of its API.
 *
 * Throws: ListenError; what `use` throws.
 */
export async function whileWatching<T>(
  servers: WatchedServers,
  logger: Logger,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const standalone = await startOn(servers, logger);
  try {
    return await use(standalone.url);
  } finally {
    // It flushes in time or not at all: the end must not wait for it.
    await Promise.race([standalone.stop(), sleep(STOP_MS)]);
  }
}

async function startOn({ configOn, port }: WatchedServers, logger: Logger): Promise<Standalone> {
  const { startStandalone } = await import("../standalone.ts");
  const options = { logger, dataDir: null };
  try {
    return await startStandalone(configOn(port ?? USUAL_PORT), options);
  } catch (error) {
    // Another demo or Keyheat has the usual port: any other does as well, unless one was asked for.
    if (port !== undefined || !(error instanceof ListenError)) throw error;
    return await startStandalone(configOn(0), options);
  }
}

/** Lines of the log would tear the frame, if both go to one terminal. */
export function viewLogger(): Logger {
  const wouldTear = process.stdout.isTTY === true && process.stderr.isTTY === true;
  return wouldTear ? silentLogger : createLogger("warn");
}

/** Servers to watch with every default. */
export interface WatchedServers {
  /** Their names, without credentials. */
  readonly names: string;
  /** Of the API; `undefined`: the usual one, or any; 0: any. */
  readonly port: number | undefined;
  /** The config with the API on `port`; 0 is any. */
  configOn(port: number): Config;
}

export interface WatchedServersOptions {
  readonly configure: "verify" | "ensure";
  readonly port?: number | undefined;
  /** To be kept beside the usual ones, in ms. */
  readonly windowMs?: number | undefined;
}

const USUAL_WINDOWS_MS = [10_000, 60_000];

/** Throws: ConfigError, for a bad URL. */
export function watchedServers(
  redisUrls: readonly string[],
  { configure, port, windowMs }: WatchedServersOptions,
): WatchedServers {
  const windowsMs = new Set([...USUAL_WINDOWS_MS, ...(windowMs === undefined ? [] : [windowMs])]);
  const configOn = (listenPort: number) =>
    defaultConfig({
      redisUrls,
      sources: { keyspace: { configure } },
      http: { listen: `127.0.0.1:${listenPort}` },
      windows: Array.from(windowsMs, (lengthMs) => `${lengthMs}ms`),
      // The view shows incidents itself.
      receivers: [],
    });
  const names = configOn(0).targets.map(({ address }) => address);
  return { names: names.join(", "), port, configOn };
}
