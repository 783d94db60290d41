import type { PanePart } from "../../model/pane.ts";
import { readNotificationFlags } from "../../redis/notification-flags.ts";
import type { TargetPoll } from "../../redis/poll.ts";
import { TargetError } from "../../redis/problem.ts";
import { type Clock, delay, delayUnless } from "../../runtime/clock.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { LoopLoad } from "../../runtime/loop-load.ts";
import { flagsLine } from "../../sources/keyspace/advice.ts";
import { openSocket } from "../../sources/keyspace/connect.ts";
import { judgeFlags } from "../../sources/keyspace/flags.ts";
import { KeyspaceSource } from "../../sources/keyspace/keyspace-source.ts";
import { tapPatterns } from "../../sources/keyspace/patterns.ts";
import { dialectOf, viewOf } from "../../sources/keyspace/target-view.ts";
import type { ScanServer } from "../scan-server.ts";
import { EventCounts } from "./event-counts.ts";

export interface EventWatchOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly lengthMs: number;
  /** Globs of the keys that are watched; none: all. */
  readonly patterns: readonly string[];
  readonly onProgress: (watchedMs: number) => void;
}

const PANES = { length: 1000, keys: 16_384, publish: 5000, bytes: 8 * 2 ** 20 };
const ROUND_MS = 200;
/** A pane waits so long for the server's counters; without them its bounds are wider. */
const POLL_MS_MAX = 500;
const SUBSCRIBED_WITHIN_MS = 5000;
const SUBSCRIBED_LOOK_MS = 20;
/** Fewer writes may all have changed nothing. */
const SILENT_WRITES_MIN = 20;

/** Watches the keyspace events of one server for a while, by the tap that agents have. */
export class EventWatch {
  readonly server: ScanServer;
  readonly counts = new EventCounts();
  /** How long it was subscribed. */
  watchedMs = 0;
  /** Events that came. */
  events = 0;
  /** Calls of write commands that the server ran meanwhile; `null`: it does not tell. */
  writeCalls: number | null = null;
  /** What is not seen although nothing is wrong, a line each. */
  readonly unseen: string[] = [];
  /** Whether the server showed its setting, and all that is needed is in it. */
  hasReadFlags = false;
  readonly #options: EventWatchOptions;
  readonly #source: KeyspaceSource;
  readonly #epoch: number;
  #previous: TargetPoll;
  /** Events that had come when the last pane closed. */
  #received = 0;

  constructor(server: ScanServer, options: EventWatchOptions) {
    this.server = server;
    this.#options = options;
    this.#previous = server.poll;
    this.#epoch = options.clock.now();
    this.#source = this.#newSource();
  }

  /** Whether the server publishes what is to be counted. Throws: `TargetError`, with the line to run. */
  async prepare(): Promise<void> {
    const { role } = this.server.poll;
    if (role === "unknown") throw refusal("it does not say whether it is a primary");
    const { session, refusals } = this.server.live;
    const flags = await readNotificationFlags(session, refusals, this.#options.clock.monotonic());
    if (flags === null) {
      this.unseen.push(
        `its setting cannot be read, so lost classes go unnoticed: ${refusals.reasonOf("config|get")}`,
      );
      return;
    }
    this.hasReadFlags = true;
    const { form } = tapPatterns(this.#options.patterns, role);
    const verdict = judgeFlags(flags, form, role, dialectOf(viewOf(this.server.poll, null)));
    if (verdict.kind === "missing") throw refusal(flagsLine(flags, verdict.missing, verdict.wanted));
    if (!verdict.seesMisses)
      this.unseen.push("misses are not seen: class m is missing from notify-keyspace-events");
    if (role === "replica")
      this.unseen.push("it is a replica: only its misses are seen, writes at its primary");
  }

  /** Subscribes, watches, ends. Throws: `TargetError` where it cannot subscribe. */
  async run(): Promise<void> {
    try {
      if (await this.#subscribe()) await this.#watch();
    } finally {
      await this.#source.stop();
    }
  }

  /** Writes ran and no event came, although the server did not say that it publishes none. */
  get isDeaf(): boolean {
    const mayTell =
      !this.hasReadFlags && this.server.poll.role === "primary" && this.#options.patterns.length === 0;
    return mayTell && this.events === 0 && (this.writeCalls ?? 0) >= SILENT_WRITES_MIN;
  }

  /** Interruptions in which events may have gone unseen, by reason. */
  gaps(): Readonly<Record<string, number>> {
    return this.#source.gaps.byReason();
  }

  #newSource(): KeyspaceSource {
    const { clock, patterns } = this.#options;
    const { server } = this;
    const loopLoad = new LoopLoad();
    return new KeyspaceSource({
      agent: "scan",
      target: server.target,
      settings: { enabled: true, configure: "verify", patterns: [...patterns], yieldAt: 0 },
      panes: PANES,
      buckets: 1,
      ignored: () => false,
      control: {
        notificationFlags: () =>
          readNotificationFlags(server.live.session, server.live.refusals, clock.monotonic()),
        setNotificationFlags: () => Promise.reject(refusal("nothing is changed at the server")),
      },
      connect: (onread) => openSocket(server.target, onread),
      busy: () => loopLoad.take(),
      onActivity: () => {},
      claim: () => null,
      clock,
      logger: silentLogger,
    });
  }

  /** Whether it is subscribed; not, where the scan was ended before. */
  async #subscribe(): Promise<boolean> {
    const { clock, signal } = this.#options;
    const view = viewOf(this.#previous, null);
    // The look before the subscription: its counters bound the events in doubt.
    this.#source.publish(view);
    await this.#source.look(view);
    const { reason: before } = this.#source.status();
    const endMs = clock.monotonic() + SUBSCRIBED_WITHIN_MS;
    while (!signal.aborted) {
      const { state, reason } = this.#source.status();
      if (state === "up") return true;
      if (reason !== before) throw this.#notSubscribed(reason ?? "it cannot be subscribed to");
      if (clock.monotonic() > endMs) throw refusal("no answer to PSUBSCRIBE within 5 s");
      await delayUnless(signal, SUBSCRIBED_LOOK_MS, clock);
    }
    return false;
  }

  #notSubscribed(reason: string): TargetError {
    return /unknown command/i.test(reason) ? this.server.refused("psubscribe", reason) : refusal(reason);
  }

  async #watch(): Promise<void> {
    const { clock, signal, lengthMs, onProgress } = this.#options;
    // What came before all counters were known is in a pane that nobody looks at.
    await this.#closePane();
    const first = this.#previous;
    const eventsBefore = this.#received;
    const startMs = clock.monotonic();
    let paneEndMs = startMs;
    while (!signal.aborted && paneEndMs < startMs + lengthMs) {
      paneEndMs = Math.min(paneEndMs + PANES.length, startMs + lengthMs);
      await this.#untilPaneEnds(paneEndMs);
      this.watchedMs = clock.monotonic() - startMs;
      onProgress(this.watchedMs);
      this.counts.closePane(await this.#closePane());
    }
    this.events = this.#received - eventsBefore;
    this.writeCalls = difference(first.writeCalls, this.#previous.writeCalls);
  }

  /** Looks after the subscription meanwhile. */
  async #untilPaneEnds(endMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    for (let leftMs = endMs - clock.monotonic(); leftMs > 0; leftMs = endMs - clock.monotonic()) {
      await delayUnless(signal, Math.min(ROUND_MS, leftMs), clock);
      if (signal.aborted) return;
      this.counts.addEarly(this.#source.earlyParts(clock.now()));
    }
  }

  /** Parts of the pane that was open until now. */
  async #closePane(): Promise<readonly PanePart[]> {
    const nowMs = this.#options.clock.now();
    this.#received = this.#source.books().received;
    this.#source.rotate({ startMs: nowMs, epoch: this.#epoch, nowMs });
    const poll = await Promise.race([this.#poll(), delay(POLL_MS_MAX, this.#options.clock).then(() => null)]);
    const view = poll && viewOf(poll, this.#previous);
    if (poll !== null) this.#previous = poll;
    const parts = this.#source.publish(view);
    if (view !== null) void this.#source.look(view).catch(() => {});
    return parts;
  }

  async #poll(): Promise<TargetPoll | null> {
    try {
      // A connection that was cut comes back with a command.
      if (this.server.live.session.ended !== null) await this.server.ask([["PING"]]);
      return await this.server.live.poll();
    } catch {
      return null;
    }
  }
}

function refusal(message: string): TargetError {
  return new TargetError({ code: "REFUSED", message, retryable: false });
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}
