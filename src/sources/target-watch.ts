import type { Config, TargetConfig } from "../config/schema.ts";
import type { PanePart } from "../model/pane.ts";
import type { KeyFacts, SourceStatus, TargetReport } from "../model/target.ts";
import type { TargetConnection, TargetPoll } from "../redis/target.ts";
import type { StageBooks } from "../runtime/accounting.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { LoopLoad } from "../runtime/loop-load.ts";
import { FactFinder } from "./fact-finder.ts";
import { openSocket } from "./keyspace/connect.ts";
import { KeyspaceSource } from "./keyspace/keyspace-source.ts";
import { type TargetView, viewOf } from "./keyspace/target-view.ts";
import { PaneClock, type PaneTick } from "./pane-clock.ts";
import type { ServerClaims } from "./server-claims.ts";

/** Early parts leave at most so often. */
const ROUND_MS = 200;
/** A round that comes sooner after the last one would measure noise. */
const ROUND_MS_MIN = 50;
/** A pane waits so long for the server's counters; without them it is published with wider bounds. */
const POLL_MS_MAX = 500;

export type WatchMessage = PanePart | TargetReport | KeyFacts;

export interface TargetWatchOptions {
  readonly agent: string;
  readonly target: TargetConfig;
  readonly config: Pick<Config, "panes" | "sources" | "kafka">;
  readonly ignored: (key: Uint8Array) => boolean;
  readonly connection: TargetConnection;
  /** Shared by the watches of one agent. */
  readonly claims: ServerClaims;
  readonly clock: Clock;
  readonly logger: Logger;
  /** State of the sources that are not of one target alone. */
  readonly otherSources?: () => readonly SourceStatus[];
  readonly emit: (messages: readonly WatchMessage[]) => void;
}

/**
 * Watches one target: closes its panes on time, asks the server for its counters at each close, and sends parts, a
 * report a pane and facts of hot keys.
 */
export class TargetWatch {
  readonly source: KeyspaceSource;
  /** From the end of the last pane to its publication, in ms; `null`: none yet. */
  paneLagMs: number | null = null;
  readonly #options: TargetWatchOptions;
  readonly #panes: PaneClock;
  readonly #facts: FactFinder;
  #lastRoundMs = 0;
  #previous: TargetPoll | null = null;
  #closing: Promise<void> | null = null;
  #publishNow: (() => void) | null = null;
  #cancelTick: () => void = () => {};
  #isDozing = false;
  #isStopped = false;

  constructor(options: TargetWatchOptions) {
    this.#options = options;
    const { agent, target, config, ignored, connection, clock, logger } = options;
    const loopLoad = new LoopLoad();
    this.#panes = new PaneClock(clock, config.panes.length);
    this.source = new KeyspaceSource({
      agent,
      target,
      settings: config.sources.keyspace,
      panes: config.panes,
      buckets: config.kafka.buckets,
      ignored,
      control: connection,
      busy: () => loopLoad.take(),
      onActivity: () => this.#rouse(),
      connect: (onread) => openSocket(target, onread),
      claim: (runId) => options.claims.claim(runId, target.address),
      clock,
      logger,
    });
    this.#facts = new FactFinder({
      cluster: target.cluster,
      clock,
      lookUp: (db, key) => connection.facts(db, key),
      onLookUp: (db, key) => this.source.beginLookUp(db, key),
      emit: (facts) => options.emit([facts]),
    });
    this.#schedule();
  }

  get target(): TargetConfig {
    return this.#options.target;
  }

  books(): StageBooks {
    return this.source.books();
  }

  /** What the target last said of itself; `null`: it has not answered yet. */
  get latestPoll(): TargetPoll | null {
    return this.#previous;
  }

  /** Publishes the open pane as it is, then ends. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancelTick();
    this.#publishNow?.();
    await this.#closing;
    const { openMs, epoch } = this.#panes;
    this.source.rotate({ startMs: openMs, epoch, nowMs: this.#options.clock.now() });
    this.#options.emit(this.source.publish(null));
    await this.source.stop();
  }

  /** While nothing comes there are no early parts: then the end of the pane is soon enough. */
  #schedule(): void {
    const nowMs = this.#options.clock.now();
    const nextMs = nowMs - (nowMs % ROUND_MS) + ROUND_MS;
    this.#isDozing = !this.source.takeActivity();
    const dueMs = this.#isDozing ? Math.max(nextMs, this.#panes.endMs) : nextMs;
    this.#wakeIn(dueMs - nowMs, dueMs);
  }

  #rouse(): void {
    if (!this.#isDozing || this.#isStopped) return;
    this.#cancelTick();
    const nowMs = this.#options.clock.now();
    this.source.beginRound(nowMs - (nowMs % ROUND_MS));
    this.#schedule();
  }

  /** A timer may fire a moment before the wall clock gets there: then the rest is waited for, not another round. */
  #wakeIn(delayMs: number, dueMs: number): void {
    const { clock } = this.#options;
    this.#cancelTick = clock.after(delayMs, () => {
      const leftMs = dueMs - clock.now();
      // More than that is left where the clock was set back.
      if (leftMs > 0 && leftMs <= delayMs) {
        this.#wakeIn(leftMs, dueMs);
        return;
      }
      this.#tick();
      if (!this.#isStopped) this.#schedule();
    });
  }

  #tick(): void {
    const tick = this.#panes.tick();
    this.#sendEarlyParts(tick.nowMs);
    if (tick.hasJumped)
      this.#options.logger.warn({ epoch: tick.epoch }, "the clock jumped, a new epoch begins");
    if (tick.opens !== null) this.#closePane(tick, tick.opens);
  }

  #sendEarlyParts(nowMs: number): void {
    if (Math.abs(nowMs - this.#lastRoundMs) < ROUND_MS_MIN) return;
    this.#lastRoundMs = nowMs;
    const parts = this.source.earlyParts(nowMs);
    if (parts.length === 0) return;
    this.#options.emit(parts);
    void this.#facts.consider(parts);
  }

  #closePane(tick: PaneTick, openMs: number): void {
    // The pane before still waits for an answer: it goes out without one.
    this.#publishNow?.();
    this.source.rotate({ startMs: openMs, epoch: tick.epoch, nowMs: tick.nowMs });
    const closing = this.#finishPane(tick.closes);
    this.#closing = closing;
    void closing.then(() => {
      if (this.#closing === closing) this.#closing = null;
    });
  }

  async #finishPane(startMs: number): Promise<void> {
    let isPublished = false;
    const publish = (poll: TargetPoll | null) => {
      if (isPublished) return;
      isPublished = true;
      this.#publishNow = null;
      cancel();
      this.#publish(startMs, poll);
    };
    const cancel = this.#options.clock.after(POLL_MS_MAX, () => publish(null));
    this.#publishNow = () => publish(null);
    const poll = await this.#options.connection.poll().catch(() => null);
    publish(poll);
    if (poll && !this.#isStopped) await this.#look(poll);
  }

  #publish(startMs: number, poll: TargetPoll | null): void {
    const view = poll && viewOf(poll, this.#previous);
    const parts = this.source.publish(view);
    this.#options.emit([...parts, this.#report(startMs, poll, view, parts)]);
    const closing = parts.find((part) => part.closing);
    if (closing) this.paneLagMs = this.#options.clock.now() - closing.startMs - closing.lengthMs;
    if (poll) this.#previous = poll;
    void this.#facts.consider(parts);
  }

  async #look(poll: TargetPoll): Promise<void> {
    const { logger, target } = this.#options;
    try {
      await this.source.look(viewOf(poll, this.#previous));
    } catch (err) {
      logger.warn(
        { target: target.address, err },
        "the target could not be asked for its notification flags",
      );
    }
  }

  #report(
    startMs: number,
    poll: TargetPoll | null,
    view: TargetView | null,
    parts: readonly PanePart[],
  ): TargetReport {
    const { agent, target, clock, config, otherSources } = this.#options;
    const observed = parts.find((part) => part.totals)?.totals?.observed ?? { read: 0, write: 0, miss: 0 };
    return {
      type: "report",
      agent,
      epoch: this.#panes.epoch,
      cluster: target.cluster,
      target: target.address,
      atMs: clock.now(),
      pane: { startMs, lengthMs: config.panes.length },
      reachable: poll !== null,
      role: poll?.role ?? "unknown",
      runId: poll?.runId ?? null,
      version: poll?.version ?? null,
      slots: poll?.slots ?? null,
      observed,
      ran: view?.ran ?? { read: null, write: null },
      cpu: view?.cpuShare ?? null,
      memoryBytes: poll?.memoryBytes ?? null,
      clients: poll?.clients ?? null,
      opsPerSecond: poll?.opsPerSecond ?? null,
      sources: [this.#sourceStatus(poll), ...(otherSources?.() ?? [])],
    };
  }

  /** The control connection knows best why a target cannot be reached. */
  #sourceStatus(poll: TargetPoll | null): SourceStatus {
    const status = this.source.status();
    const problem = this.#options.connection.problem();
    return poll || !problem || status.state !== "down" ? status : { ...status, reason: problem.message };
  }
}
