import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { childOutput } from "./child-output.ts";
import { fetchFromDebian, type UnpackedServer, unpackedServers } from "./debian-package.ts";

/** A server program that runs on this machine. */
export interface RedisServer {
  readonly path: string;
  /** What its process needs in the environment, beside what every process has. */
  readonly env: NodeJS.ProcessEnv;
  /** As it says itself: `7.0.15`. */
  readonly version: string;
  readonly flavor: "redis" | "valkey";
  /** `path`: found on the PATH; `cache`: unpacked earlier; `debian`: fetched just now. */
  readonly origin: "path" | "cache" | "debian";
}

export interface FindOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where fetched servers are kept; by default `keyheat` in the user's cache folder. */
  readonly cacheFolder?: string;
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export class RedisServerError extends Error {
  override readonly name = "RedisServerError";
  readonly code: "NOT_FOUND" | "NOT_STARTED";
  readonly retryable = false;

  constructor(code: "NOT_FOUND" | "NOT_STARTED", message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

const PROGRAMS = ["redis-server", "valkey-server"];

/**
 * A server to run: `redis-server` or `valkey-server` of the PATH, else one in the cache, else Debian's package fetched
 * into the cache.
 *
 * Throws: RedisServerError, whose one line says what to install.
 */
export async function findRedisServer(options: FindOptions = {}): Promise<RedisServer> {
  const { env = process.env, progress = () => {}, signal } = options;
  const onPath = await firstThatRuns(pathCandidates(env), "path", env);
  if (onPath !== null) return onPath;
  const cacheFolder = options.cacheFolder ?? userCacheFolder(env);
  const cached = await firstThatRuns(await unpackedServers(cacheFolder), "cache", env);
  if (cached !== null) return cached;
  let fetched: RedisServer | null;
  try {
    const unpacked = await fetchFromDebian({ cacheFolder, env, progress, signal });
    fetched = await firstThatRuns([unpacked], "debian", env);
  } catch (cause) {
    throw notFound(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (fetched === null) throw notFound("Debian's package does not run here");
  return fetched;
}

function notFound(reason: string, cause?: unknown): RedisServerError {
  const advice = "install one (apt-get install redis-server, dnf install valkey, brew install redis)";
  const message = `no redis-server or valkey-server on the PATH, and none could be fetched (${reason}): ${advice}, or name a running one with --redis redis://HOST:6379`;
  return new RedisServerError("NOT_FOUND", message, { cause });
}

/** `keyheat` in the cache folder of the user. Source: XDG Base Directory Specification. */
export function userCacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME;
  // The specification has relative paths ignored.
  return join(
    base !== undefined && isAbsolute(base) ? base : join(env.HOME ?? homedir(), ".cache"),
    "keyheat",
  );
}

function pathCandidates(env: NodeJS.ProcessEnv): UnpackedServer[] {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  return PROGRAMS.flatMap((name) =>
    folders.map((folder) => ({ path: join(folder, name), libraryFolders: [] })),
  );
}

async function firstThatRuns(
  candidates: readonly UnpackedServer[],
  origin: RedisServer["origin"],
  env: NodeJS.ProcessEnv,
): Promise<RedisServer | null> {
  for (const { path, libraryFolders } of candidates) {
    const isExecutable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!isExecutable) continue;
    const added = libraryFolders.length === 0 ? {} : { LD_LIBRARY_PATH: libraryFolders.join(":") };
    const said = await childOutput(path, ["--version"], {
      env: { ...env, ...added },
      timeoutMs: 10_000,
    }).catch(() => "");
    const named = /^(Redis|Valkey) server v=([^\s]+)/.exec(said);
    if (named?.[2] === undefined) continue;
    return {
      path,
      env: added,
      version: named[2],
      flavor: named[1] === "Valkey" ? "valkey" : "redis",
      origin,
    };
  }
  return null;
}
