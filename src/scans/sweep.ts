import { isDeepStrictEqual } from "node:util";
import type { Role } from "../model/target.ts";
import { reasonOf } from "../runtime/reason.ts";
import { databaseSizes, type KeyPage, walkKeys } from "./key-walk.ts";
import type { ScanContext } from "./scan-context.ts";
import type { ScanServer } from "./scan-server.ts";

export interface SweepOptions {
  /** Glob that the servers apply to the keys; none: all of them. */
  readonly match?: string | undefined;
  /** Only this database; none: all that hold keys. */
  readonly db?: number | undefined;
  /** The sweep ends when about so many keys were passed, over all servers; none: at the last one. */
  readonly maxKeys?: number | undefined;
}

/** Looks at the keys of a page; the page's database is selected. */
export type Examine = (server: ScanServer, page: KeyPage) => Promise<void>;

/** How far one server was swept. */
export interface SweptServer {
  readonly target: string;
  readonly role: Role;
  /** How many keys it had at the start. */
  readonly keys: number;
  readonly keysSeen: number;
  /** How often the scan went slower, since the server's latency had risen. */
  readonly slowedDown: number;
  readonly problem: string | null;
}

export interface Sweep {
  readonly servers: readonly SweptServer[];
  readonly missing: readonly string[];
  readonly limits: readonly string[];
}

/** More at once would keep this process busier than any server. */
const SERVERS_AT_ONCE = 8;

/**
 * Goes over the keys of all servers of a scan, several servers at a time, and shows each page to `examine`.
 *
 * A server that fails does not end the others' sweep; `examine`'s errors count as its server's. Throws: Error where no
 * server gave anything.
 */
export async function sweep(context: ScanContext, options: SweepOptions, examine: Examine): Promise<Sweep> {
  const walks = context.servers.map((server) => new ServerSweep(server));
  const run = new SweepRun(context, options, walks);
  const waiting = [...walks];
  const workers = Array.from({ length: SERVERS_AT_ONCE }, async () => {
    for (let walk = waiting.shift(); walk !== undefined; walk = waiting.shift()) await run.one(walk, examine);
  });
  await Promise.all(workers);
  return run.result();
}

class ServerSweep {
  readonly server: ScanServer;
  keys = 0;
  keysSeen = 0;
  problem: string | null = null;
  /** Why its keys may have been counted twice or not. */
  doubt: string | null = null;

  constructor(server: ScanServer) {
    this.server = server;
  }

  report(): SweptServer {
    const { address, poll, pace } = this.server;
    const { keys, keysSeen, problem } = this;
    return { target: address, role: poll.role, keys, keysSeen, slowedDown: pace.cuts, problem };
  }
}

class SweepRun {
  readonly #context: ScanContext;
  readonly #options: SweepOptions;
  readonly #walks: readonly ServerSweep[];
  readonly #enough = new AbortController();
  readonly #signal: AbortSignal;

  constructor(context: ScanContext, options: SweepOptions, walks: readonly ServerSweep[]) {
    this.#context = context;
    this.#options = options;
    this.#walks = walks;
    this.#signal = AbortSignal.any([context.signal, this.#enough.signal]);
  }

  async one(walk: ServerSweep, examine: Examine): Promise<void> {
    const { server } = walk;
    const { match, db } = this.#options;
    try {
      const sizes = await databaseSizes(server, db);
      walk.keys = Array.from(sizes.values()).reduce((sum, keys) => sum + keys, 0);
      for await (const page of walkKeys(server, { match, db, signal: this.#signal })) {
        await examine(server, page);
        this.#note(walk, page);
      }
      walk.doubt = await this.#doubtOf(server);
    } catch (err) {
      if (!this.#signal.aborted) walk.problem = reasonOf(err);
    }
  }

  /** Throws: Error where no server gave anything. */
  result(): Sweep {
    const failed = this.#walks.filter(({ problem }) => problem !== null);
    const failures = failed.map(({ server, problem }) => `${server.address}: ${problem}`);
    if (failed.length > 0 && failed.length === this.#walks.length && this.#seen === 0)
      throw new Error(failures.join("; "));
    const missing = [
      ...failures,
      ...this.#walks
        .filter(({ doubt }) => doubt !== null)
        .map(
          ({ server, doubt }) =>
            `${server.address}: ${doubt} in the meantime, its keys may be counted twice or not`,
        ),
    ];
    const limits = this.#enough.signal.aborted ? [`stopped after ${this.#seen} keys, as asked`] : [];
    return { servers: this.#walks.map((walk) => walk.report()), missing, limits };
  }

  #note(walk: ServerSweep, page: KeyPage): void {
    walk.keysSeen += page.passed;
    const done = this.#seen;
    const total = this.#walks.reduce((sum, { keys, keysSeen }) => sum + Math.max(keys, keysSeen), 0);
    this.#context.onProgress({ done, total, unit: "keys" });
    if (done >= (this.#options.maxKeys ?? Number.POSITIVE_INFINITY)) this.#enough.abort();
  }

  get #seen(): number {
    return this.#walks.reduce((sum, { keysSeen }) => sum + keysSeen, 0);
  }

  /** What happened while it was swept; `null`: nothing that makes the counts doubtful. */
  async #doubtOf(server: ScanServer): Promise<string | null> {
    if (server.hasRestarted) return "it was restarted";
    if (server.hasMovedKeys) return "slots moved";
    if (!server.poll.clusterEnabled || this.#signal.aborted) return null;
    server.live.forgetSlots();
    const { role, slots } = await server.live.poll();
    // A replica has the slots of its primary.
    const isSame = role === server.poll.role && isDeepStrictEqual(slots, server.poll.slots);
    return isSame ? null : "slots moved";
  }
}
