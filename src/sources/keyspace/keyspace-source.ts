import type { Socket } from "node:net";
import type { Config, TargetConfig } from "../../config/schema.ts";
import type { Kind } from "../../model/access.ts";
import type { PanePart } from "../../model/pane.ts";
import type { SlotRange } from "../../model/slot.ts";
import type { Role, SourceState, SourceStatus } from "../../model/target.ts";
import { type ClosingPane, type PaneOpening, PaneRecorder } from "../../panes/recorder.ts";
import { authArguments } from "../../redis/options.ts";
import type { StageBooks } from "../../runtime/accounting.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Source } from "../source.ts";
import { explainLoss, NO_EVENTS_ADVICE } from "./advice.ts";
import { budgetsOf, type CommandCalls } from "./budgets.ts";
import { type EventDialect, EventTable } from "./event-table.ts";
import { type FlagControl, FlagKeeper } from "./flag-keeper.ts";
import { FrameReader } from "./frames.ts";
import { Gaps } from "./gaps.ts";
import { type TapPatterns, tapPatterns } from "./patterns.ts";
import { Subscription, type SubscriptionLoss } from "./subscription.ts";
import { Tap } from "./tap.ts";

const FLAGS_EVERY_MS = 10_000;
const NO_EVENTS_MS_MAX = 10_000;
/** Events that come later than this may belong to another pane than the server's counters say. */
const LAG_MS_MAX = 500;
const POLLS_KEPT = 5;

/** What the source needs of one look at the target. */
export interface TargetView {
  readonly role: Role;
  readonly runId: string | null;
  readonly flavor: "redis" | "valkey";
  readonly version: string;
  readonly slots: readonly SlotRange[] | null;
  readonly calls: CommandCalls | null;
  readonly writeCalls: number | null;
  readonly ran: { readonly read: number | null; readonly write: number | null };
  /** Monotonic, ms. */
  readonly takenAtMs: number;
}

export interface KeyspaceSourceOptions {
  readonly agent: string;
  readonly target: Pick<TargetConfig, "address" | "endpoint" | "cluster" | "username" | "password">;
  readonly settings: Config["sources"]["keyspace"];
  readonly panes: Config["panes"];
  readonly buckets: number;
  readonly ignored: (key: Uint8Array) => boolean;
  readonly control: FlagControl;
  readonly connect: () => Socket;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface ClosedPane {
  readonly closing: ClosingPane;
  /** None of its events is older: neither those that came late, nor those from before the subscription. */
  readonly eventsFromMs: number;
  readonly wasWatched: boolean;
  readonly wasPrompt: boolean;
  readonly role: Role;
  readonly runId: string | null;
  readonly sureEvents: Float64Array;
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
  #tap: Tap | null = null;
  #recorder: PaneRecorder | null = null;
  #table: EventTable | null = null;
  #dialect: EventDialect | null = null;
  #patterns: TapPatterns | null = null;
  #subscription: Subscription | null = null;
  #watchedSinceMs: number | null = null;
  #isStalled = false;
  #role: Role = "unknown";
  #runId: string | null = null;
  #seesMisses = false;
  #slots: readonly SlotRange[] | null = null;
  #flagsDueMs = 0;
  #flagsUnreadable = false;
  #quietSinceMs: number | null = null;
  /** Writes ran and no event came: up for the server, blind for us. */
  #isDeaf = false;
  #eventsAtLastLook = 0;
  #polls: TargetView[] = [];
  #closed: ClosedPane | null = null;
  #sureAtPaneStart = new Float64Array(0);
  #paneStartedMs = 0;
  #eventsFromMs: number | null = null;
  #isLooking = false;
  #isStopped = false;
  #state: SourceState;
  #reason: string | null;
  #sinceMs: number;

  constructor(options: KeyspaceSourceOptions) {
    this.#options = options;
    const { target, settings, control, clock, logger } = options;
    this.#flags = new FlagKeeper({
      address: target.address,
      configure: settings.configure,
      control,
      clock,
      logger,
    });
    this.#state = options.settings.enabled ? "down" : "off";
    this.#reason = options.settings.enabled
      ? "the target has not been reached yet"
      : "switched off in the config";
    this.#sinceMs = options.clock.now();
  }

  status(): SourceStatus {
    const { name, gaps } = this;
    return {
      source: name,
      state: this.#state,
      sinceMs: this.#sinceMs,
      gaps: gaps.total,
      probability: 1,
      reason: this.#reason,
    };
  }

  /** Kinds seen while the subscription is up. */
  get sees(): readonly Kind[] {
    if (this.#role === "replica") return ["miss"];
    const seesMisses = this.#flagsUnreadable ? (this.#tap?.hasSeenMisses ?? false) : this.#seesMisses;
    return seesMisses ? ["write", "miss"] : ["write"];
  }

  get distinctKeys(): number {
    return this.#recorder?.distinctKeys ?? 0;
  }

  eventsByName(): Record<string, number> {
    return this.#tap?.eventsByName() ?? {};
  }

  books(): StageBooks {
    return this.#tap?.books() ?? { stage: "tap", received: 0, kept: 0, dropped: {} };
  }

  /** The agent itself is about to look up a key. The returned function takes whether that was a miss. */
  beginLookUp(db: number, key: Uint8Array): (wasMiss: boolean) => void {
    const answer = this.#tap?.beginLookUp(db, key);
    return (wasMiss) => answer?.(wasMiss, this.#options.clock.monotonic());
  }

  /** Counts of keys that rise steeply, for sending at once. */
  earlyParts(nowMs: number): PanePart[] {
    this.#noticeStall();
    if (!this.#recorder || this.#watchedSinceMs === null) return [];
    return this.#recorder.earlyParts(nowMs, this.sees, this.#slots);
  }

  /** Closes the open pane; `publish` gives its parts once the target has been looked at. */
  rotate(opening: PaneOpening): void {
    const { clock } = this.#options;
    this.#noticeStall();
    if (!this.#tap || !this.#recorder) return;
    const lagMs = this.#subscription?.takeWorstLagMs() ?? 0;
    const sureEvents = this.#tap.counts.sure.map((count, code) => count - (this.#sureAtPaneStart[code] ?? 0));
    this.#sureAtPaneStart = this.#tap.counts.sure.slice();
    const closing = this.#tap.rotate(opening);
    const wasWatched =
      this.#watchedSinceMs !== null && this.#watchedSinceMs <= this.#paneStartedMs && !this.#isStalled;
    this.#closed = {
      closing,
      eventsFromMs: this.#eventsFromMs ?? clock.monotonic(),
      wasWatched,
      wasPrompt: lagMs <= LAG_MS_MAX,
      role: this.#role,
      runId: this.#runId,
      sureEvents,
    };
    this.#paneStartedMs = clock.monotonic();
    this.#tap.expireLookUps(this.#paneStartedMs);
    const lateFromMs = this.#paneStartedMs - LAG_MS_MAX;
    this.#eventsFromMs = this.#watchedSinceMs === null ? null : Math.max(lateFromMs, this.#watchedSinceMs);
  }

  /** The parts of the pane that `rotate` closed. `view`: the target right after, `null` if it did not answer. */
  publish(view: TargetView | null): PanePart[] {
    const closed = this.#closed;
    this.#closed = null;
    const previous = this.#polls.at(-1);
    if (!closed || !this.#table) {
      this.#remember(view);
      return [];
    }
    const before = this.#polls.findLast((poll) => poll.takenAtMs <= closed.eventsFromMs) ?? null;
    const isSameServer = view !== null && view.runId === closed.runId && before?.runId === view.runId;
    const budgets = budgetsOf(
      this.#table,
      (name) => closed.sureEvents[this.#table?.codeOf(name) ?? 0] ?? 0,
      isSameServer && closed.wasPrompt ? (before?.calls ?? null) : null,
      view?.calls ?? null,
    );
    const isSameRole = view !== null && view.role === closed.role && previous?.role === view.role;
    const parts = closed.closing.publish({
      sees: this.sees,
      complete: closed.wasWatched && isSameRole && view.runId === closed.runId,
      writesInDoubt: view?.role === "replica" && closed.role === "primary",
      slots: this.#slots,
      totals: { observed: closed.closing.observed, ran: view?.ran ?? { read: null, write: null } },
      budgets,
    });
    this.#remember(view);
    // Nobody watched: no part at all, so that the window is known to be incomplete.
    return this.#watchedSinceMs === null && !closed.wasWatched && isEmpty(closed.closing) ? [] : parts;
  }

  /** Follows what the target is now: opens, moves or closes the subscription. */
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
    this.#subscription?.stop();
  }

  #remember(view: TargetView | null): void {
    if (!view) return;
    this.#polls.push(view);
    if (this.#polls.length > POLLS_KEPT) this.#polls.shift();
  }

  async #follow(view: TargetView): Promise<void> {
    this.#slots = view.slots;
    if (this.#runId !== null && view.runId !== this.#runId) this.#flagsDueMs = 0;
    this.#runId = view.runId;
    if (view.role === "unknown") return;
    if (view.role !== this.#role) this.#changeRole(view.role);
    this.#prepare(dialectOf(view));
    this.#judgeSilence(view);
    const { clock } = this.#options;
    if (clock.monotonic() >= this.#flagsDueMs) {
      const mayListen = await this.#checkFlags(view.role);
      this.#flagsDueMs = clock.monotonic() + FLAGS_EVERY_MS;
      if (!mayListen) return;
    }
    if (!this.#subscription && this.#state !== "off" && !this.#isStopped) this.#subscribe(view.role);
  }

  #changeRole(role: "primary" | "replica"): void {
    const { logger, target } = this.#options;
    if (this.#role !== "unknown") {
      logger.warn({ target: target.address, from: this.#role, to: role }, "the role changed");
      this.gaps.add("role");
    }
    this.#role = role;
    this.#unsubscribe();
    this.#flagsDueMs = 0;
  }

  /** The table depends on the server; a server that was replaced by another version gets another table. */
  #prepare(dialect: EventDialect): void {
    const isSame =
      this.#dialect?.flavor === dialect.flavor &&
      this.#dialect.version.every((part, i) => part === dialect.version[i]);
    if (isSame) return;
    this.#unsubscribe();
    const { agent, target, panes, buckets, ignored, clock } = this.#options;
    const table = new EventTable(dialect);
    const nowMs = clock.now();
    this.#recorder = new PaneRecorder(
      {
        agent,
        cluster: target.cluster,
        target: target.address,
        vantage: "server-events",
        lengthMs: panes.length,
        capacity: panes.keys,
        bytesMax: panes.bytes,
        publishMax: panes.publish,
        buckets,
        maybeClasses: table.maybes,
        commandNames: table.names.slice(1),
        ignored,
      },
      { startMs: Math.floor(nowMs / panes.length) * panes.length, epoch: nowMs, nowMs },
    );
    this.#paneStartedMs = clock.monotonic();
    this.#dialect = dialect;
    this.#table = table;
    this.#tap = new Tap(table, this.#recorder);
    this.#sureAtPaneStart = new Float64Array(table.names.length);
    this.#closed = null;
  }

  /** Whether the flags let the tap listen. */
  async #checkFlags(role: "primary" | "replica"): Promise<boolean> {
    const { form } = tapPatterns(this.#options.settings.patterns, role);
    const dialect = this.#dialect;
    if (!dialect) return false;
    const found = await this.#flags.look(form, role, dialect);
    this.#flagsUnreadable = found.kind === "unreadable";
    this.#seesMisses = found.kind === "ok" && found.seesMisses;
    if (found.kind === "missing" || (found.kind === "ok" && found.wereMissing)) this.#countTakenFlags();
    if (found.kind === "missing") {
      this.#unsubscribe();
      this.#setState("off", found.reason);
      return false;
    }
    if (this.#state === "off") this.#setState("down", "subscribing");
    else if (this.#state === "up") this.#setState("up", this.#unseen);
    return true;
  }

  /** Flags that were there and are gone: what happened since the last look may be lost. */
  #countTakenFlags(): void {
    if (this.#state !== "up") return;
    this.gaps.add("flags");
    this.#watchedSinceMs = this.#options.clock.monotonic();
  }

  /**
   * Writes ran and no event came: the flags may be gone, or cannot be read at all. Where only some keys are watched,
   * silence says nothing.
   */
  #judgeSilence(view: TargetView): void {
    if (this.#options.settings.patterns.length > 0) return;
    const events = this.#tap?.books().received ?? 0;
    const previous = this.#polls.at(-2);
    const ranWrites = (view.writeCalls ?? 0) > (previous?.writeCalls ?? view.writeCalls ?? 0);
    const isQuiet =
      ranWrites && events === this.#eventsAtLastLook && view.role === "primary" && this.#state === "up";
    const isHeard = events !== this.#eventsAtLastLook;
    this.#eventsAtLastLook = events;
    if (this.#isDeaf && isHeard) this.#up();
    const nowMs = this.#options.clock.monotonic();
    if (!isQuiet) {
      if (events > 0 || !ranWrites) this.#quietSinceMs = null;
      return;
    }
    this.#quietSinceMs ??= nowMs;
    if (!this.#flagsUnreadable) this.#flagsDueMs = 0;
    else if (nowMs - this.#quietSinceMs >= NO_EVENTS_MS_MAX) {
      this.gaps.add("no-events");
      this.#isDeaf = true;
      this.#watchedSinceMs = null;
      this.#setState("down", NO_EVENTS_ADVICE);
    }
  }

  #subscribe(role: "primary" | "replica"): void {
    const { settings, target, clock, connect } = this.#options;
    const tap = this.#tap;
    const table = this.#table;
    if (!tap || !table) return;
    const patterns = tapPatterns(settings.patterns, role);
    this.#patterns = patterns;
    tap.takesMissesOnly = role === "replica";
    this.#subscription = new Subscription({
      login: authArguments(target),
      patterns: patterns.channels,
      clock,
      connect,
      newReader: (replies) =>
        new FrameReader(tap.listenTo(replies), {
          keyPlace: patterns.form === "E" ? "payload" : "channel",
          codeOf: (name) => table.codeOf(name),
          unknownCode: table.unknownCode,
          counts: patterns.counts,
        }),
      onUp: () => this.#up(),
      onDown: (loss, wasUp) => this.#down(loss, wasUp),
    });
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
    this.#eventsFromMs ??= this.#watchedSinceMs;
    this.#isStalled = false;
    this.#isDeaf = false;
    this.#quietSinceMs = null;
    this.#tap?.forgetPredecessor();
    this.#setState("up", this.#unseen);
  }

  /** What is not seen although the subscription is up. */
  get #unseen(): string | null {
    const lacksMisses = this.#role === "primary" && !this.#seesMisses && !this.#flagsUnreadable;
    return lacksMisses ? "misses are not seen: class m is missing from notify-keyspace-events" : null;
  }

  #down(loss: SubscriptionLoss, wasUp: boolean): void {
    this.#watchedSinceMs = null;
    if (loss.code === "stopped") {
      if (this.#state === "up") this.#setState("down", "the subscription was closed");
      return;
    }
    if (wasUp && !this.#isStalled) this.gaps.add(loss.code);
    this.#isStalled = false;
    this.#isDeaf = false;
    // Flags do not outlive a restart that did not save them.
    this.#flagsDueMs = 0;
    const { username } = this.#options.target;
    this.#setState("down", explainLoss(loss, { username, channels: this.#patterns?.channels ?? [] }));
  }

  #noticeStall(): void {
    const subscription = this.#subscription;
    if (!subscription || this.#state === "off") return;
    const isStalled = this.#watchedSinceMs !== null && !subscription.isUp;
    if (isStalled && !this.#isStalled) {
      this.#isStalled = true;
      this.gaps.add("unresponsive");
      this.#setState("down", "no answer to PING: the server is paused, blocked or out of reach");
    } else if (!isStalled && this.#isStalled && subscription.isUp) {
      // All that was sent meanwhile has come: TCP keeps the order.
      this.#up();
    }
  }

  #setState(state: SourceState, reason: string | null): void {
    if (state === this.#state && reason === this.#reason) return;
    const { logger, clock, target } = this.#options;
    const isNews = state !== this.#state || state !== "up";
    if (state !== this.#state) this.#sinceMs = clock.now();
    this.#state = state;
    this.#reason = reason;
    if (!isNews) return;
    const facts = { target: target.address, source: this.name, state, reason, gaps: this.gaps.byReason() };
    if (state === "up") logger.info(facts, "listening to keyspace events");
    else logger.warn(facts, "not listening to keyspace events");
  }
}

function isEmpty({ observed, maybes }: ClosingPane): boolean {
  return observed.read + observed.write + observed.miss === 0 && maybes.every((count) => count === 0);
}

/** A server that does not tell its version may have every command there is. */
const NEWEST = [Number.POSITIVE_INFINITY, 0] as const;

function dialectOf({ flavor, version }: TargetView): EventDialect {
  const numbers = /^(\d+)\.(\d+)/.exec(version);
  return { flavor, version: numbers ? [Number(numbers[1]), Number(numbers[2])] : NEWEST };
}
