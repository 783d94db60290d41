import { hostname } from "node:os";
import type { Config, Observe, TargetConfig } from "./config/schema.ts";
import { compileGlobs } from "./model/glob.ts";
import { TargetConnection } from "./redis/target.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import { Discovery, type MovingTargets } from "./sources/discovery/discovery.ts";
import type { TapView } from "./sources/ended-watches.ts";
import { createRedaction, type Redaction } from "./sources/redaction.ts";
import { SampleRounds } from "./sources/sample-rounds.ts";
import type { KnownTarget } from "./sources/samples/placement.ts";
import type { SampleBatch, Taken } from "./sources/samples/sample.ts";
import { SamplesSource } from "./sources/samples/samples-source.ts";
import { ServerClaims } from "./sources/server-claims.ts";
import { TargetWatch } from "./sources/target-watch.ts";
import { WatchSet } from "./sources/watch-set.ts";
import type { WatchedServer } from "./sources/watched-server.ts";
import type { Message, Outlet } from "./transport/transport.ts";

export interface AgentOptions {
  readonly config: Pick<Config, "cluster" | "targets" | "sources" | "panes" | "kafka" | "ignore" | "redact">;
  /** Which of the servers that are found from the targets are watched. */
  readonly observe: Observe;
  /** More targets, which come and go. */
  readonly pods?: MovingTargets | undefined;
  readonly transport: Outlet;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this agent: the host's unless given. */
  readonly name?: string;
}

/** Targets -> sources -> panes -> redaction -> transport. */
export class Agent {
  readonly #watches: WatchSet;
  readonly #discovery: Discovery;
  readonly #samples: SamplesSource;
  readonly #rounds: SampleRounds;
  readonly #redaction: Redaction;
  /** Whether it watches servers at all, not just takes what clients report. */
  readonly #isWatching: boolean;

  constructor({ config, observe, pods, transport, clock, logger, name = hostname() }: AgentOptions) {
    const ignored = compileGlobs(config.ignore);
    this.#redaction = createRedaction(config.redact);
    const publish = (messages: readonly Message[]) => transport.publish(this.#redaction.redact(messages));
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
    const watch = (target: TargetConfig, connection: TargetConnection) =>
      new TargetWatch({
        agent: name,
        target,
        config,
        ignored,
        claims,
        connection,
        clock,
        logger,
        otherSources: () => [this.#samples.status(target, clock.now())],
        emit: publish,
      });
    this.#watches = new WatchSet({
      connect: (target) => new TargetConnection(target, { logger, clock }),
      watch,
      release: ({ address }) => void claims.claim(null, address),
      onNews: (group) => this.#discovery.noteNews(group),
      logger,
    });
    this.#discovery = new Discovery({
      agent: name,
      targets: config.targets,
      pods,
      observe,
      servers: this.#watches,
      clock,
      logger,
      emit: publish,
    });
  }

  /** Counts what a client reports. */
  take(batch: SampleBatch, nowMs: number): Taken {
    return this.#rounds.take(batch, nowMs);
  }

  /** The key behind one that left this agent, or one in its form; `null`: it did not pass here lately. */
  rawKeyOf(key: Uint8Array): Uint8Array | null {
    return this.#redaction.rawKeyOf(key);
  }

  taps(): TapView[] {
    return this.#watches.taps();
  }

  books(): StageBooks[] {
    return [...this.#watches.books(), ...this.#samples.books()];
  }

  /** Why targets are not found, not watched, or not in full, one line each; empty while all are. */
  problems(): string[] {
    const ofServers = this.#watches.servers().flatMap((server) => server.problems());
    return [...ofServers, ...this.#discovery.problems()];
  }

  /** What is no fault, but good to know: that nothing is to be watched on this node. */
  notes(): string[] {
    return this.#discovery.notes();
  }

  /** Whether all targets were looked for, and each is watched, or it is known why not. */
  get isSettled(): boolean {
    return this.#discovery.isSettled && this.#watches.servers().every(({ isSettled }) => isSettled);
  }

  /** How many targets are watched now, or may be told of by clients where nothing else is to watch them. */
  get watched(): number {
    const watched = this.#watches.servers().filter(({ watch }) => watch !== null);
    if (!this.#isWatching) return watched.filter(({ asked }) => asked.problem() === null).length;
    return watched.filter(({ watch }) => watch?.source.status().state === "up").length;
  }

  /** Whether it is known that nothing is to be watched here. */
  get hasNothing(): boolean {
    return this.#discovery.hasNothing;
  }

  /** Publishes open panes, then closes the connections. */
  async stop(): Promise<void> {
    this.#rounds.stop();
    await this.#discovery.stop();
    await this.#watches.stop();
  }

  /** Those that are watched, and of the others what discovery knows. */
  #knownTargets(): KnownTarget[] {
    const watched = this.#watches.servers().flatMap((server) => (server.watch ? [knownOf(server)] : []));
    const names = new Set(watched.map(({ cluster, address }) => `${cluster} ${address}`));
    const others = this.#discovery.servers().filter((one) => !names.has(`${one.cluster} ${one.address}`));
    return [...watched, ...others];
  }
}

/** Clients name a server by the address that their sockets have, whatever name the config has for it. */
function knownOf({ target, asked, watch }: WatchedServer): KnownTarget {
  return {
    cluster: target.cluster,
    address: target.address,
    aliases: asked.peer === null ? [] : [asked.peer],
    role: watch?.latestPoll?.role ?? "unknown",
    slots: watch?.latestPoll?.slots ?? null,
  };
}
