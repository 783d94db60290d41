import { setTimeout as sleep } from "node:timers/promises";
import { defaultConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLogger, type Logger, silentLogger } from "../runtime/logger.ts";
import { isPortFree } from "./demo/free-port.ts";
import { ApiSource } from "./view/api-source.ts";
import type { FrameTexts } from "./view/frame.ts";
import { showLiveView } from "./view/live-view.ts";

export interface WatchOptions {
  readonly config: Config;
  readonly texts: Omit<FrameTexts, "footer">;
  readonly signal: AbortSignal;
}

const STOP_MS = 3000;

/** Runs a standalone that keeps nothing on disk, with the live view on it, until `signal` aborts. */
export async function watch({ config, texts, signal }: WatchOptions): Promise<void> {
  const { startStandalone } = await import("../standalone.ts");
  const standalone = await startStandalone(config, { logger: viewLogger(), dataDir: null });
  try {
    const source = new ApiSource({ url: standalone.url });
    const footer = `API ${standalone.url}/api/v1/hotkeys   Ctrl-C ends`;
    await showLiveView({
      source,
      texts: { ...texts, footer },
      out: process.stdout,
      env: process.env,
      signal,
    });
  } finally {
    // It flushes in time or not at all: the end must not wait for it.
    await Promise.race([standalone.stop(), sleep(STOP_MS)]);
  }
}

/** Lines of the log would tear the frame, if both go to one terminal. */
function viewLogger(): Logger {
  const wouldTear = process.stdout.isTTY === true && process.stderr.isTTY === true;
  return wouldTear ? silentLogger : createLogger("warn");
}

const USUAL_PORT = 9380;

/** A config for watching: every default, on the usual port, or any where that is taken and none was asked for. */
export async function watchConfig(
  redisUrls: readonly string[],
  { configure, port }: { configure: "verify" | "ensure"; port?: number | undefined },
): Promise<Config> {
  const chosen = port ?? ((await isPortFree(USUAL_PORT)) ? USUAL_PORT : 0);
  return defaultConfig({
    redisUrls,
    sources: { keyspace: { configure } },
    http: { listen: `127.0.0.1:${chosen}` },
  });
}
