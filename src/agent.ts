import { hostname } from "node:os";
import type { Config } from "./config/schema.ts";
import { compileGlobs } from "./model/glob.ts";
import { TargetConnection } from "./redis/target.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import { createRedaction } from "./sources/redaction.ts";
import { SampleRounds } from "./sources/sample-rounds.ts";
import type { KnownTarget } from "./sources/samples/placement.ts";
import type { SampleBatch, Taken } from "./sources/samples/sample.ts";
import { SamplesSource } from "./sources/samples/samples-source.ts";
import { ServerClaims } from "./sources/server-claims.ts";
import { TargetWatch } from "./sources/target-watch.ts";
import type { Message, Outlet } from "./transport/transport.ts";

export interface AgentOptions {
  readonly config: Pick<Config, "cluster" | "targets" | "sources" | "panes" | "kafka" | "ignore" | "redact">;
  readonly transport: Outlet;
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

/** Targets -> sources -> panes -> redaction -> transport. */
export class Agent {
  readonly #watches: readonly TargetWatch[];
  readonly #connections: readonly TargetConnection[];
  readonly #samples: SamplesSource;
  readonly #rounds: SampleRounds;
  /** Whether it watches servers at all, not just takes what clients report. */
  readonly #isWatching: boolean;

  constructor({ config, transport, clock, logger, name = hostname() }: AgentOptions) {
    const ignored = compileGlobs(config.ignore);
    const redact = createRedaction(config.redact);
    const publish = (messages: readonly Message[]) => transport.publish(redact(messages));
    const claims = new ServerClaims();
    this.#isWatching = config.sources.keyspace.enabled;
    this.#samples = new SamplesSource({
      agent: name,
      cluster: config.cluster,
      settings: config.sources.samples,
      panes: config.panes,
      buckets: config.kafka.buckets,
      ignored,
      targets: () => this.#knownTargets(),
      nowMs: clock.now(),
    });
    this.#rounds = new SampleRounds({
      source: this.#samples,
      clock,
      emit: publish,
    });
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
          otherSources: () => [this.#samples.status(target, clock.now())],
          emit: publish,
        }),
    );
  }

  /** Counts what a client reports. */
  take(batch: SampleBatch, nowMs: number): Taken {
    return this.#rounds.take(batch, nowMs);
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
    return [...this.#watches.map((watch) => watch.books()), ...this.#samples.books()];
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

  /** How many targets are watched now, or may be told of by clients where nothing else is to watch them. */
  get watched(): number {
    if (!this.#isWatching)
      return this.#connections.filter((connection) => connection.problem() === null).length;
    return this.#watches.filter(({ source }) => source.status().state === "up").length;
  }

  /** Publishes open panes, then closes the connections. */
  async stop(): Promise<void> {
    this.#rounds.stop();
    await Promise.all(this.#watches.map((watch) => watch.stop()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #knownTargets(): KnownTarget[] {
    return this.#watches.map(({ target, latestPoll }, index) => ({
      cluster: target.cluster,
      address: target.address,
      aliases: aliasesOf(this.#connections[index]!),
      role: latestPoll?.role ?? "unknown",
      slots: latestPoll?.slots ?? null,
    }));
  }
}

/** Clients name a server by the address that their sockets have, whatever name the config has for it. */
function aliasesOf({ peer }: TargetConnection): readonly string[] {
  return peer === null ? [] : [peer];
}
