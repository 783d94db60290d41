import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { TestConnection } from "../../test/support/redis.ts";

const PAGE_BYTES = 4096;
const LOOK_MS = 250;
const ANSWER_MS_MAX = 10_000;

/** The parts of the API's answers that are looked at. */
interface CoverageAnswer {
  readonly targets: readonly {
    readonly sources: readonly {
      readonly state: string;
      readonly probability: number;
      readonly gaps: number;
    }[];
  }[];
}

export interface HotKeysAnswer {
  readonly asOf: string;
  readonly complete: boolean;
  readonly keys: readonly {
    readonly key: string;
    readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
  }[];
}

/** What the agent said at one moment; `null`: it did not answer in time. */
export interface Sample {
  readonly atMs: number;
  readonly state: string | null;
  readonly probability: number | null;
  readonly gaps: number | null;
  readonly hotKeys: HotKeysAnswer | null;
  /** As the kernel and the server had it then. */
  readonly residentMib: number | null;
  readonly unsentMib: number;
}

export interface Watched {
  readonly port: number;
  readonly pid: number;
  readonly url: string;
}

/** Looks at an agent and at its subscription from outside, with little work for either. */
export class OverloadWatch implements Disposable {
  readonly #watched: Watched;
  readonly #server: TestConnection;
  readonly #stopping = new AbortController();
  readonly #subscriptions = new Set<string>();
  #unsentMib = 0;
  #mostUnsentMib = 0;
  /** The first failure of the looks from outside; they end with it. */
  #failure: unknown = null;

  private constructor(watched: Watched, server: TestConnection) {
    this.#watched = watched;
    this.#server = server;
  }

  static async start(watched: Watched): Promise<OverloadWatch> {
    const watch = new OverloadWatch(watched, await TestConnection.open(watched.port));
    void watch.#look().catch((error: unknown) => {
      watch.#failure = error;
    });
    return watch;
  }

  /** The most that the server held back for the subscription (`omem`) since the start, in MiB. */
  get mostUnsentMib(): number {
    if (this.#failure) throw this.#failure;
    return this.#mostUnsentMib;
  }

  /** Subscribed connections since the start; more than one were made anew. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  async sample(): Promise<Sample> {
    const atMs = Date.now();
    const [coverage, hotKeys] = await Promise.all([
      this.#get<CoverageAnswer>("/api/v1/coverage"),
      this.#get<HotKeysAnswer>("/api/v1/hotkeys?window=10s&limit=50"),
    ]);
    const source = coverage?.targets.flatMap(({ sources }) => sources).find(({ state }) => state !== "off");
    return {
      atMs,
      state: source?.state ?? null,
      probability: source?.probability ?? null,
      gaps: source?.gaps ?? null,
      hotKeys,
      residentMib: residentMibOf(this.#watched.pid),
      unsentMib: this.#unsentMib,
    };
  }

  [Symbol.dispose](): void {
    this.#stopping.abort();
    this.#server.close();
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const lines = String(await this.#server.command(["CLIENT", "LIST", "TYPE", "pubsub"])).split("\n");
      const clients = lines.filter((line) => line.startsWith("id="));
      for (const line of clients) this.#subscriptions.add(fieldOf(line, "id"));
      this.#unsentMib = Math.max(0, ...clients.map((line) => Number(fieldOf(line, "omem")))) / 2 ** 20;
      this.#mostUnsentMib = Math.max(this.#mostUnsentMib, this.#unsentMib);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #get<Answer>(path: string): Promise<Answer | null> {
    try {
      const answer = await fetch(`${this.#watched.url}${path}`, {
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      return answer.ok ? ((await answer.json()) as Answer) : null;
    } catch {
      return null;
    }
  }
}

function fieldOf(line: string, name: string): string {
  return new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? "";
}

/** `null`: the process has ended. */
export function residentMibOf(pid: number): number | null {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    return (pages * PAGE_BYTES) / 2 ** 20;
  } catch {
    return null;
  }
}
