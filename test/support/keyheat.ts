import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { defaultConfig, parseConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { unaccounted } from "../../src/runtime/accounting.ts";
import type { OwnPod } from "../../src/sources/discovery/pods/cluster-access.ts";
import { type Standalone, startStandalone } from "../../src/standalone.ts";
import { waitFor } from "./wait.ts";

/** A row of `GET hotkeys`. */
export interface HotKey {
  readonly key: string;
  readonly keyEncoding: "utf8" | "base64";
  readonly cut: boolean;
  readonly db: number;
  readonly target: string;
  readonly pattern: string;
  readonly ratePerSecond: Readonly<Record<"read" | "write" | "miss" | "total", number>>;
  readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
  readonly vantages: Readonly<Record<string, string>>;
  readonly commands: Readonly<Record<string, number>>;
}

/** A source of a target in `GET coverage`. */
export interface SourceRow {
  readonly state: "up" | "down" | "off";
  readonly gaps: number;
  readonly reason: string | null;
}

export interface TargetRow {
  readonly target: string;
  readonly role: string;
  readonly state: string;
  readonly sources: readonly SourceRow[];
}

export interface IncidentRow {
  readonly id: string;
  readonly key: string;
  readonly status: string;
  readonly reason: string | null;
}

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface KeyheatOptions {
  /** In the form of a file; `targets` there, or these URLs. */
  readonly redisUrls?: readonly string[];
  readonly file?: Readonly<Record<string, unknown>>;
  readonly dataDir?: string;
  readonly ownPod?: OwnPod;
}

const SHORT_WINDOW = "2s";
const LONG_WINDOW = "60s";
/** Small windows and thresholds, so that tests are short; the long window holds all that a test counts. */
const DEFAULTS = {
  http: { listen: "127.0.0.1:0" },
  windows: [SHORT_WINDOW, LONG_WINDOW],
  grace: "500ms",
  rules: [{ name: "hot", type: "rate", window: SHORT_WINDOW, threshold: "100/s" }],
};

/** A standalone on real servers, seen from outside: over HTTP. It ends with the test, and then its books must balance. */
export class Keyheat {
  readonly log: LogLine[] = [];
  #standalone: Standalone | null = null;

  async start({ redisUrls, file = {}, dataDir, ownPod }: KeyheatOptions): Promise<void> {
    const logger = pino(
      { level: "debug" },
      { write: (line: string) => void this.log.push(JSON.parse(line)) },
    );
    const config = configOf({ ...DEFAULTS, ...file }, redisUrls);
    this.#standalone = await startStandalone(config, { logger, dataDir: dataDir ?? null, ownPod });
  }

  get standalone(): Standalone {
    assert.ok(this.#standalone, "keyheat was not started");
    return this.#standalone;
  }

  /** Stops it, at the latest after 5 s, and checks that all that was received was kept or dropped. */
  async stop(): Promise<void> {
    const standalone = this.#standalone;
    if (!standalone) return;
    this.#standalone = null;
    const startMs = performance.now();
    await standalone.stop();
    assert.ok(performance.now() - startMs < 5000, "it took more than 5 s to stop");
    for (const books of standalone.books()) assert.equal(unaccounted(books), 0, JSON.stringify(books));
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${this.standalone.url}${path}`);
    return { status: response.status, text: await response.text() };
  }

  async api<T>(path: string): Promise<T> {
    const { status, text } = await this.get(`/api/v1/${path}`);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  /** `null` while it is ready, else its reasons. */
  async unreadyReasons(): Promise<string | null> {
    const { status, text } = await this.get("/readyz");
    if (status === 200) return null;
    assert.equal(status, 503);
    return JSON.parse(text).reasons.join("\n");
  }

  ready(timeoutMs = 30_000): Promise<unknown> {
    return waitFor("keyheat to be ready", async () => (await this.unreadyReasons()) === null, timeoutMs);
  }

  /** Waits until it is not ready for a reason that fits, and returns that. */
  unready(reason: RegExp, timeoutMs = 30_000): Promise<string> {
    return waitFor(
      `it not to be ready because of ${reason}`,
      async () => {
        const reasons = await this.unreadyReasons();
        if (reasons !== null && !reason.test(reasons)) throw new Error(`it says: ${reasons}`);
        return reasons;
      },
      timeoutMs,
    );
  }

  async targets(): Promise<readonly TargetRow[]> {
    const { targets } = await this.api<{ targets: TargetRow[] }>("coverage");
    return targets;
  }

  /** The keyspace source of a target (the only one if left out) in the coverage. */
  async source(address?: string): Promise<SourceRow | undefined> {
    const targets = await this.targets();
    const row = targets.find(({ target }) => address === undefined || target === address);
    return row?.sources[0];
  }

  /** Waits until a source fits. */
  sourceIs(what: string, fits: (source: SourceRow) => boolean, timeoutMs = 5000, address?: string) {
    return waitFor(
      `the source to be ${what}`,
      async () => {
        const source = await this.source(address);
        if (source && !fits(source)) throw new Error(`it is ${JSON.stringify(source)}`);
        return source;
      },
      timeoutMs,
    );
  }

  async hotkeys(
    window = LONG_WINDOW,
  ): Promise<{ readonly complete: boolean; readonly keys: readonly HotKey[] }> {
    return await this.api(`hotkeys?window=${window}&limit=1000`);
  }

  /** Waits until it has watched for a whole window: from then on a gap takes the upper bounds away. */
  watches(): Promise<unknown> {
    return waitFor("a whole window", async () => (await this.hotkeys(SHORT_WINDOW)).complete);
  }

  /** What is counted of a key so far; `undefined`: nothing. */
  async hotkey(key: string, db = 0): Promise<HotKey | undefined> {
    const { keys } = await this.hotkeys();
    return keys.find((row) => row.key === key && row.db === db);
  }

  /** Waits until the lower bound of a key's accesses is `count`: no more, no less. */
  counts(key: string, count: number, timeoutMs = 20_000): Promise<HotKey> {
    return waitFor(
      `${count} accesses of ${key}`,
      async () => {
        const row = await this.hotkey(key);
        const lower = row?.count.lower ?? 0;
        if (lower !== count) throw new Error(`${lower} were counted`);
        return row;
      },
      timeoutMs,
    );
  }

  /** Waits until both bounds are `count`: the upper one may be there later. */
  async countsExactly(key: string, count: number): Promise<HotKey> {
    await this.counts(key, count);
    return await waitFor(`at most ${count} accesses of ${key}`, async () => {
      const row = await this.hotkey(key);
      assert.deepEqual([row?.count.lower, row?.count.upper], [count, count]);
      return row;
    });
  }

  async incidents(): Promise<readonly IncidentRow[]> {
    return (await this.api<{ incidents: IncidentRow[] }>("incidents")).incidents;
  }

  /** Gaps of a reason in `/metrics`. */
  async gaps(reason: string, address?: string): Promise<number> {
    const { status, text } = await this.get("/metrics");
    assert.equal(status, 200, text);
    const line = text
      .split("\n")
      .find(
        (sample) =>
          /^keyheat_tap_gaps(_total)?\{/.test(sample) &&
          sample.includes(`reason="${reason}"`) &&
          (address === undefined || sample.includes(`target="${address}"`)),
      );
    return Number(/\} (\d+)/.exec(line ?? "")?.[1] ?? 0);
  }
}

/** Starts a standalone; it ends with the test `t`, or with `stop()` before that. */
export async function startKeyheat(t: TestContext, options: KeyheatOptions): Promise<Keyheat> {
  const keyheat = new Keyheat();
  t.after(() => keyheat.stop());
  await keyheat.start(options);
  return keyheat;
}

function configOf(file: Readonly<Record<string, unknown>>, redisUrls: readonly string[] | undefined): Config {
  if (redisUrls !== undefined) return defaultConfig({ ...file, redisUrls });
  return parseConfig(JSON.stringify(file), { env: {}, source: "test" });
}
