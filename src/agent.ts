import { hostname } from "node:os";
import type { Config } from "./config/schema.ts";
import { compileGlobs } from "./model/glob.ts";
import { TargetConnection } from "./redis/target.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import { ServerClaims } from "./sources/server-claims.ts";
import { TargetWatch } from "./sources/target-watch.ts";
import type { Transport } from "./transport/transport.ts";

export interface AgentOptions {
  readonly config: Pick<Config, "targets" | "sources" | "panes" | "kafka" | "ignore">;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this agent: the host's unless given. */
  readonly name?: string;
}

/** What one tap has seen, for metrics. */
export interface TapView {
  readonly source: string;
  readonly target: string;
  readonly gaps: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly distinctKeys: number;
  /** From the end of the last pane to its publication; `null`: none yet. */
  readonly paneLagSeconds: number | null;
}

/** Targets -> sources -> panes -> transport. */
export class Agent {
  readonly #watches: readonly TargetWatch[];
  readonly #connections: readonly TargetConnection[];

  constructor({ config, transport, clock, logger, name = hostname() }: AgentOptions) {
    const ignored = compileGlobs(config.ignore);
    const claims = new ServerClaims();
    this.#connections = config.targets.map((target) => new TargetConnection(target, { logger, clock }));
    this.#watches = config.targets.map(
      (target, index) =>
        new TargetWatch({
          agent: name,
          target,
          config,
          ignored,
          claims,
          connection: this.#connections[index]!,
          clock,
          logger,
          emit: (messages) => transport.publish(messages),
        }),
    );
  }

  taps(): TapView[] {
    return this.#watches.map(({ source, paneLagMs }, index) => ({
      source: source.name,
      target: this.#connections[index]!.address,
      gaps: source.gaps.byReason(),
      events: source.eventsByName(),
      distinctKeys: source.distinctKeys,
      paneLagSeconds: paneLagMs === null ? null : paneLagMs / 1000,
    }));
  }

  books(): StageBooks[] {
    return this.#watches.map((watch) => watch.books());
  }

  /** Why targets are not watched, or not in full, one line each; empty while all are. */
  problems(): string[] {
    return this.#watches.flatMap(({ source }, index) => {
      const connection = this.#connections[index]!;
      const problem = connection.problem();
      if (problem) return [`${connection.address}: ${problem.message}`];
      const { state, reason, probability } = source.status();
      const sampled = probability < 1 ? [reason] : [];
      const reasons = state === "up" ? [...connection.limits(), ...sampled] : [reason];
      return reasons.map((text) => `${connection.address}: ${text}`);
    });
  }

  /** Whether each target is watched, or it is known why not. */
  get isSettled(): boolean {
    return this.#watches.every(({ source }, index) => {
      const isOff = source.status().state === "off";
      const isRefused = isOff || source.isRefused || this.#connections[index]!.problem() !== null;
      return isRefused || source.status().state === "up";
    });
  }

  /** How many targets are watched now. */
  get watched(): number {
    return this.#watches.filter(({ source }) => source.status().state === "up").length;
  }

  /** Publishes open panes, then closes the connections. */
  async stop(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.stop()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
