import type { TestContext } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import type { TargetConfig } from "../../src/config/schema.ts";
import type { PanePart } from "../../src/model/pane.ts";
import type { KeyFacts, TargetReport } from "../../src/model/target.ts";
import { TargetConnection } from "../../src/redis/target.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { ServerClaims } from "../../src/sources/server-claims.ts";
import { TargetWatch } from "../../src/sources/target-watch.ts";
import { boundsOf, type CountBounds } from "./bounds.ts";
import { waitFor } from "./wait.ts";

export interface WatchedTarget {
  readonly watch: TargetWatch;
  readonly connection: TargetConnection;
  readonly parts: PanePart[];
  readonly reports: TargetReport[];
  readonly facts: KeyFacts[];
  /** Waits until events are listened to. */
  up(timeoutMs?: number): Promise<void>;
  /** Waits until a pane that began at least `afterMs` from now is published, and with it all that happened so far. */
  settle(afterMs?: number): Promise<void>;
  /** Bounds of a key over all parts so far. */
  bounds(key: string | Uint8Array, db?: number): CountBounds;
}

export interface WatchOptions {
  readonly configure?: "verify" | "ensure";
  readonly patterns?: readonly string[];
  readonly yieldAt?: number;
  readonly target?: Partial<TargetConfig>;
  readonly ignored?: (key: Uint8Array) => boolean;
  readonly paneLength?: "200ms" | "1s";
}

/** Watches a real server, with everything that it sends kept; ends with the test. */
export function watchTarget(t: TestContext, url: string, options: WatchOptions = {}): WatchedTarget {
  const config = defaultConfig({
    redisUrls: [url],
    sources: {
      keyspace: {
        configure: options.configure ?? "ensure",
        patterns: [...(options.patterns ?? [])],
        yieldAt: options.yieldAt ?? 0,
      },
    },
  });
  const [listed] = config.targets;
  if (!listed) throw new Error("no target");
  const target = { ...listed, ...options.target };
  const connection = new TargetConnection(target, { logger: silentLogger, clock: systemClock });
  const parts: PanePart[] = [];
  const reports: TargetReport[] = [];
  const facts: KeyFacts[] = [];
  const watch = new TargetWatch({
    agent: "agent-a",
    target,
    config,
    ignored: options.ignored ?? (() => false),
    connection,
    claims: new ServerClaims(),
    clock: systemClock,
    logger: silentLogger,
    emit: (messages) => {
      for (const message of messages) {
        if (message.type === "part") parts.push(message);
        else if (message.type === "report") reports.push(message);
        else facts.push(message);
      }
    },
  });
  t.after(async () => {
    await watch.stop();
    await connection.close();
  });
  return {
    watch,
    connection,
    parts,
    reports,
    facts,
    async up(timeoutMs = 15_000) {
      await waitFor("the subscription", () => watch.source.status().state === "up", timeoutMs);
    },
    async settle(afterMs = 0) {
      const fromMs = Date.now() + afterMs;
      await waitFor(
        "a later pane",
        () => parts.some((part) => part.closing && part.startMs > fromMs),
        15_000 + afterMs,
      );
    },
    bounds: (key, db = 0) => boundsOf(parts, key, db),
  };
}
