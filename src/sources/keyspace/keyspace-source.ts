import type { OnReadOpts, Socket } from "node:net";
import type { Config, TargetConfig } from "../../config/schema.ts";
import type { Kind } from "../../model/access.ts";
import type { PanePart } from "../../model/pane.ts";
import type { SlotRange } from "../../model/slot.ts";
import type { Role, SourceStatus } from "../../model/target.ts";
import type { PaneOpening } from "../../panes/open-pane.ts";
import { authArguments } from "../../redis/options.ts";
import type { StageBooks } from "../../runtime/accounting.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Source } from "../source.ts";
import { explainLoss, NO_EVENTS_ADVICE } from "./advice.ts";
import type { EventDialect } from "./event-table.ts";
import { type FlagControl, FlagKeeper } from "./flag-keeper.ts";
import { FrameReader } from "./frames.ts";
import { Gaps } from "./gaps.ts";
import { IntakeControl } from "./intake-control.ts";
import { type TapPatterns, tapPatterns } from "./patterns.ts";
import { Silence } from "./silence.ts";
import { StatusBoard } from "./status-board.ts";
import { Subscription, type SubscriptionLoss } from "./subscription.ts";
import { dialectOf, type TargetView, ViewHistory } from "./target-view.ts";
import { WatchedPanes } from "./watched-panes.ts";

const FLAGS_EVERY_MS = 10_000;
/** Within that a look at a target has its answer, on a machine that is not overloaded. */
const LOOK_MS_MAX = 500;

export interface KeyspaceSourceOptions {
  readonly agent: string;
  readonly target: Pick<TargetConfig, "address" | "endpoint" | "cluster" | "username" | "password">;
  readonly settings: Config["sources"]["keyspace"];
  readonly panes: Config["panes"];
  readonly buckets: number;
  readonly ignored: (key: Uint8Array) => boolean;
  readonly control: FlagControl;
  readonly connect: (onread: OnReadOpts) => Socket;
  /** Share of its time that the process was busy since the last call. */
  readonly busy: () => number;
  /** Bytes came where none had since the last round. */
  readonly onActivity: () => void;
  /** Claims a server process by its run id; returns the other target that watches it already, or `null`. */
  readonly claim: (runId: string | null) => string | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keyspace notifications of one target: writes and misses at a primary, misses at a replica.
 *
 * The agent looks at the target once a pane and tells the source what it saw; role, flags and version decide whether
 * and to what it subscribes.
 */
export class KeyspaceSource implements Source {
  readonly name = "keyspace";
  readonly gaps = new Gaps();
  readonly #options: KeyspaceSourceOptions;
  readonly #flags: FlagKeeper;
  readonly #board: StatusBoard;
  readonly #views = new ViewHistory();
  readonly #silence = new Silence();
  readonly #intake: IntakeControl;
  #panes: WatchedPanes | null = null;
  #patterns: TapPatterns | null = null;
  #subscription: Subscription | null = null;
  /** Since when the subscription has been unbroken (monotonic); `null`: there is none, or it is of no use. */
  #watchedSinceMs: number | null = null;
  #isStalled = false;
  /** Writes ran and no event came: up for the server, blind for us. */
  #isDeaf = false;
  #role: Role = "unknown";
  /** Until then (monotonic) the primary before may still be taken for one, and repeats what this one runs. */
  #promotionEndsMs = Number.NEGATIVE_INFINITY;
  #runId: string | null = null;
  #slots: readonly SlotRange[] | null = null;
  #flagsDueMs = 0;
  #areFlagsUnreadable = false;
  #hasMissClass = false;
  /** The server publishes too little, and that is not ours to change. */
  #isRefused = false;
  #isLooking = false;
  #isActive = false;
  #isStopped = false;

  constructor(options: KeyspaceSourceOptions) {
    this.#options = options;
    const { target, settings, control, clock, logger } = options;
    const { address } = target;
    this.#flags = new FlagKeeper({ address, configure: settings.configure, control, clock, logger });
    this.#intake = new IntakeControl({
      target: address,
      yieldAt: settings.yieldAt,
      paneMs: options.panes.length,
      busy: options.busy,
      listen: (isOn) => this.#listen(isOn),
      clock,
      logger,
    });
    const about = { source: this.name, target: address, gaps: this.gaps, clock, logger };
    this.#board = settings.enabled
      ? new StatusBoard("down", "the target has not been reached yet", about)
      : new StatusBoard("off", "switched off in the config", about);
  }

  status(): SourceStatus {
    return this.#board.status(this.#intake.probability, this.#intake.reason);
  }

  /** Whether it is known why nothing is listened to: the server publishes too little. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  get distinctKeys(): number {
    return this.#panes?.distinctKeys ?? 0;
  }

  eventsByName(): Record<string, number> {
    return this.#panes?.tap.eventsByName() ?? {};
  }

  books(): StageBooks {
    return this.#panes?.tap.books() ?? { stage: "tap", received: 0, kept: 0, dropped: {} };
  }

  /** The agent itself is about to look up a key. The returned function takes whether that was a miss. */
  beginLookUp(db: number, key: Uint8Array): (wasMiss: boolean) => void {
    const answer = this.#panes?.tap.beginLookUp(db, key);
    return (wasMiss) => answer?.(wasMiss, this.#options.clock.monotonic());
  }

  /** Counts of keys that rise steeply, for sending at once. */
  earlyParts(nowMs: number): PanePart[] {
    this.#noticeStall();
    this.#regulate();
    if (this.#watchedSinceMs === null) return [];
    return this.#panes?.earlyParts(nowMs, this.#place) ?? [];
  }

  /** Nothing has come before `fromMs` since the last round: rates are measured from there. */
  beginRound(fromMs: number): void {
    this.#panes?.beginRound(fromMs);
  }

  /** Whether anything has come since the last call. */
  takeActivity(): boolean {
    const isActive = this.#isActive;
    this.#isActive = false;
    return isActive;
  }

  /** Closes the open pane; `publish` gives its parts once the target has been looked at. */
  rotate(opening: PaneOpening): void {
    this.#noticeStall();
    const lagMs = this.#subscription?.takeWorstLagMs() ?? 0;
    const readToMs = this.#subscription?.readToMs ?? null;
    const { watchedShare, intake } = this.#intake.nextPane(readToMs, lagMs);
    const watch = {
      watchedShare,
      sinceMs: this.#watchedSinceMs,
      isStalled: this.#isStalled,
      isFiltered: this.#options.settings.patterns.length > 0,
      lagMs,
      role: this.#role,
      runId: this.#runId,
    };
    this.#panes?.rotate({ ...opening, intake }, watch, this.#options.clock.monotonic());
  }

  /** The parts of the pane that `rotate` closed. `view`: the target right after, `null` if it did not answer. */
  publish(view: TargetView | null): PanePart[] {
    const parts = this.#panes?.publish(view, this.#views, this.#place) ?? [];
    if (view) {
      this.#views.add(view);
      this.#intake.lookAtServer(view.cpuShare);
    }
    return parts;
  }

  /** Follows what the target is now: opens, moves or closes the subscription. Throws: `TargetError`. */
  async look(view: TargetView): Promise<void> {
    this.#subscription?.noteAnswer();
    if (this.#isLooking || this.#isStopped || !this.#options.settings.enabled) return;
    this.#isLooking = true;
    try {
      await this.#follow(view);
    } finally {
      this.#isLooking = false;
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#intake.stop();
    this.#subscription?.stop();
  }

  #noteActivity(): void {
    if (this.#isActive) return;
    this.#isActive = true;
    this.#options.onActivity();
  }

  /** Takes in less where the reader does not keep up. */
  #regulate(): void {
    const subscription = this.#subscription;
    const probability = this.#intake.round(subscription ?? { behindMs: 0, lagMs: 0 });
    this.#panes?.tap.sample(probability);
    if (subscription) subscription.isHurried = this.#intake.probability < 1;
  }

  #listen(isOn: boolean): void {
    // What happened meanwhile is not known.
    if (isOn) this.#panes?.tap.forgetPredecessor();
    this.#subscription?.listen(isOn);
  }

  /** Kinds seen while the subscription is up. */
  get #sees(): readonly Kind[] {
    if (this.#role === "replica") return ["miss"];
    const seesMisses = this.#areFlagsUnreadable ? this.#panes?.tap.hasSeenMisses : this.#hasMissClass;
    return seesMisses ? ["write", "miss"] : ["write"];
  }

  get #place() {
    return { sees: this.#sees, slots: this.#slots };
  }

  async #follow(view: TargetView): Promise<void> {
    const { clock } = this.#options;
    this.#slots = view.slots;
    if (this.#runId !== null && view.runId !== this.#runId) this.#flagsDueMs = 0;
    this.#runId = view.runId;
    if (this.#isWatchedElsewhere(view.runId) || view.role === "unknown") return;
    if (view.role !== this.#role) this.#changeRole(view.role);
    const panes = this.#panesFor(dialectOf(view));
    this.#judgeSilence(panes);
    if (clock.monotonic() < this.#promotionEndsMs) return;
    if (clock.monotonic() >= this.#flagsDueMs) {
      const mayListen = await this.#checkFlags(view.role, panes.dialect);
      this.#flagsDueMs = clock.monotonic() + FLAGS_EVERY_MS;
      if (!mayListen) return;
    }
    if (!this.#subscription && !this.#isRefused && !this.#isStopped) this.#subscribe(view.role, panes);
  }

  /** One server under two names (an alias, a socket and a port) would be counted twice. */
  #isWatchedElsewhere(runId: string | null): boolean {
    const other = this.#options.claim(runId);
    if (other !== null) {
      this.#board.set("off", `it is the same server as ${other}, which is watched: list it once`);
      this.#unsubscribe();
      return true;
    }
    if (this.#board.state === "off") this.#board.set("down", "subscribing", { isExpected: true });
    return false;
  }

  #changeRole(role: "primary" | "replica"): void {
    const { logger, target } = this.#options;
    if (this.#role !== "unknown") {
      logger.warn({ target: target.address, from: this.#role, to: role }, "the role changed");
      this.gaps.add("role");
    }
    const isPromoted = this.#role === "replica" && role === "primary";
    this.#role = role;
    this.#unsubscribe();
    this.#flagsDueMs = 0;
    if (isPromoted) this.#awaitPredecessor();
  }

  /** Its predecessor, a replica now, repeats each write; until it was looked at again, it may be counted as if its own. */
  #awaitPredecessor(): void {
    const { clock, panes } = this.#options;
    this.#promotionEndsMs = clock.monotonic() + panes.length + LOOK_MS_MAX;
    this.#board.set("down", "just promoted: the primary before may still be counted", { isExpected: true });
  }

  /** What events mean depends on the server; one that was replaced by another version begins anew. */
  #panesFor(dialect: EventDialect): WatchedPanes {
    if (this.#panes?.isFor(dialect)) return this.#panes;
    this.#unsubscribe();
    const { agent, target, panes, buckets, ignored, clock } = this.#options;
    const options = {
      agent,
      cluster: target.cluster,
      target: target.address,
      lengthMs: panes.length,
      capacity: panes.keys,
      bytesMax: panes.bytes,
      publishMax: panes.publish,
      buckets,
      ignored,
    };
    this.#panes = new WatchedPanes(dialect, options, clock.now(), clock.monotonic());
    return this.#panes;
  }

  /** Whether the flags let the tap listen. */
  async #checkFlags(role: "primary" | "replica", dialect: EventDialect): Promise<boolean> {
    const { form } = tapPatterns(this.#options.settings.patterns, role);
    const found = await this.#flags.look(form, role, dialect);
    this.#areFlagsUnreadable = found.kind === "unreadable";
    this.#hasMissClass = found.kind === "ok" && found.seesMisses;
    const wereMissing = found.kind === "missing" || (found.kind === "ok" && found.wereMissing);
    if (wereMissing && this.#board.state === "up") this.#countTakenFlags();
    const wasRefused = this.#isRefused;
    this.#isRefused = found.kind === "missing";
    if (found.kind === "missing") {
      // Not "off": its panes are still expected, so that no window takes this for quiet.
      this.#board.set("down", found.reason);
      this.#unsubscribe();
      return false;
    }
    if (wasRefused) this.#board.set("down", "subscribing", { isExpected: true });
    else if (this.#board.state === "up") this.#board.set("up", this.#unseen);
    return true;
  }

  /** Flags that were there and are gone: what happened since the last look may be lost. */
  #countTakenFlags(): void {
    this.gaps.add("flags");
    this.#watchedSinceMs = this.#options.clock.monotonic();
  }

  /** Where only some keys are watched, silence says nothing. */
  #judgeSilence({ tap }: WatchedPanes): void {
    const { settings, clock } = this.#options;
    if (settings.patterns.length > 0) return;
    const verdict = this.#silence.judge({
      events: tap.books().received,
      ranWrites: this.#views.ranWrites,
      isListening: this.#role === "primary" && this.#board.state === "up",
      nowMs: clock.monotonic(),
    });
    if (verdict === "heard" && this.#isDeaf) this.#up();
    if (verdict === "quiet" || verdict === "deaf") this.#doubtFlags(verdict);
  }

  /** The flags may be gone, or cannot be read at all. */
  #doubtFlags(verdict: "quiet" | "deaf"): void {
    if (!this.#areFlagsUnreadable) this.#flagsDueMs = 0;
    else if (verdict === "deaf") {
      this.gaps.add("no-events");
      this.#isDeaf = true;
      this.#watchedSinceMs = null;
      this.#board.set("down", NO_EVENTS_ADVICE);
    }
  }

  #subscribe(role: "primary" | "replica", { tap, table }: WatchedPanes): void {
    const { settings, target, clock, connect } = this.#options;
    const patterns = tapPatterns(settings.patterns, role);
    this.#patterns = patterns;
    tap.takesMissesOnly = role === "replica";
    this.#subscription = new Subscription({
      login: authArguments(target),
      patterns: patterns.channels,
      clock,
      connect,
      newReader: (replies) =>
        new FrameReader(tap, replies, {
          keyPlace: patterns.form === "E" ? "payload" : "channel",
          codeOf: (name) => table.codeOf(name),
          unknownCode: table.unknownCode,
          counts: patterns.counts,
        }),
      onRead: () => this.#noteActivity(),
      onUp: () => this.#up(),
      onDown: (loss, wasUp) => this.#down(loss, wasUp),
    });
    this.#subscription.listen(this.#intake.isListening);
  }

  #unsubscribe(): void {
    const subscription = this.#subscription;
    this.#subscription = null;
    this.#watchedSinceMs = null;
    this.#isDeaf = false;
    subscription?.stop();
  }

  #up(): void {
    this.#watchedSinceMs = this.#options.clock.monotonic();
    this.#panes?.begin(this.#watchedSinceMs);
    this.#isStalled = false;
    this.#isDeaf = false;
    this.#silence.reset();
    this.#board.set("up", this.#unseen);
  }

  /** What is not seen although the subscription is up. */
  get #unseen(): string | null {
    const lacksMisses = this.#role === "primary" && !this.#hasMissClass && !this.#areFlagsUnreadable;
    return lacksMisses ? "misses are not seen: class m is missing from notify-keyspace-events" : null;
  }

  #down(loss: SubscriptionLoss, wasUp: boolean): void {
    this.#watchedSinceMs = null;
    if (loss.code === "stopped") {
      const isUp = this.#board.state === "up";
      if (isUp) this.#board.set("down", "the subscription was closed", { isExpected: true });
      return;
    }
    if (wasUp && !this.#isStalled) this.gaps.add(loss.code);
    this.#isStalled = false;
    this.#isDeaf = false;
    // Flags do not outlive a restart that did not save them.
    this.#flagsDueMs = 0;
    const { username } = this.#options.target;
    this.#board.set("down", explainLoss(loss, { username, channels: this.#patterns?.channels ?? [] }));
  }

  #noticeStall(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    const isStalled = this.#watchedSinceMs !== null && !subscription.isUp;
    if (isStalled && !this.#isStalled) {
      this.#isStalled = true;
      this.gaps.add("unresponsive");
      this.#board.set("down", "no answer to PING: the server is paused, blocked or out of reach");
    } else if (!isStalled && this.#isStalled && subscription.isUp) {
      // All that was sent meanwhile has come: TCP keeps the order.
      this.#up();
    }
  }
}
