import { Aggregator } from "./aggregator.ts";
import type { Config } from "./config/schema.ts";
import { IncidentBook } from "./incidents/book.ts";
import { memoryStore } from "./incidents/store.ts";
import type { Incident, IncidentGroup } from "./model/incident.ts";
import { Muting } from "./notify/muting.ts";
import { Notifier } from "./notify/notifier.ts";
import type { Receiver } from "./notify/receivers/receiver.ts";
import { Ledger, type StageBooks } from "./runtime/accounting.ts";
import { ByteBudget } from "./runtime/byte-budget.ts";
import { silentLogger } from "./runtime/logger.ts";
import { ReplayClock, settled } from "./runtime/replay-clock.ts";
import type { Message } from "./transport/transport.ts";
import { Roster } from "./windows/roster.ts";
import { ServiceTable } from "./windows/service-table.ts";
import { TargetTable } from "./windows/target-table.ts";
import { Windows } from "./windows/windows.ts";

/** What arrived at one time, ms since 1970. None: time merely went on until then. */
export interface PastBatch {
  readonly atMs: number;
  readonly messages: readonly Message[];
}

export interface BacktestOptions {
  readonly config: Pick<Config, "rules" | "routes" | "receivers" | "windows" | "grace" | "panes">;
  /** In the order of their times. */
  readonly batches: AsyncIterable<PastBatch>;
  /** What was told and over before is not reported: it only warms the windows up. `null`: all is reported. */
  readonly fromMs: number | null;
  /** Where the replay ends; `null`: with the last batch. */
  readonly toMs: number | null;
  /** Ends the replay where it has come to. */
  readonly signal: AbortSignal;
  /** The time that the replay has reached; called often. */
  readonly onProgress: (nowMs: number) => void;
}

/** A message that a receiver would have had. */
export interface PastMessage {
  readonly receiver: string;
  readonly atMs: number;
  readonly event: IncidentGroup["event"];
  /** Ids, in the order of the message. */
  readonly incidents: readonly string[];
}

export interface BacktestResult {
  /** What is reported; `null`: there was nothing at all. */
  readonly span: { readonly fromMs: number; readonly toMs: number } | null;
  /** That fired, as they were last seen, by the time at which they fired. */
  readonly incidents: readonly Incident[];
  /** In the order in which they left. */
  readonly messages: readonly PastMessage[];
  /** Incidents and messages beyond what is kept of them. */
  readonly leftOut: number;
  readonly books: readonly StageBooks[];
  /** `jump`: the time of the batches went on by more than a week at once, and what came then was not replayed. */
  readonly end: "whole" | "interrupted" | "jump";
}

/** A whole fleet's keys and parts are in one place here. */
const KEY_BYTES_MAX = 256 * 2 ** 20;
const PART_BYTES_MAX = 1024 * 2 ** 20;
const INCIDENTS_MAX = 100_000;
const MESSAGES_MAX = 500_000;
/** Time goes on in such steps where nothing arrives, so that progress is seen and an interrupt heeded. */
const STEP_MS = 60_000;
const JUMP_MS_MAX = 7 * 86_400_000;

/**
 * What `config` would have made of the past: its messages go through the stages of a running Keyheat, on a clock that
 * follows them. Receivers are not told: what they would have been told is written down.
 *
 * Throws: what `batches` throws.
 */
export async function backtest(options: BacktestOptions): Promise<BacktestResult> {
  const { batches, toMs, signal, onProgress } = options;
  let replay: Replay | null = null;
  let end: BacktestResult["end"] = "whole";
  for await (const { atMs, messages } of batches) {
    replay ??= new Replay(options, atMs);
    const untilMs = toMs === null ? atMs : Math.min(atMs, toMs);
    if (untilMs - replay.nowMs > JUMP_MS_MAX) {
      end = "jump";
      break;
    }
    while (replay.nowMs < untilMs && !signal.aborted) {
      await replay.advanceTo(Math.min(untilMs, replay.nowMs + STEP_MS));
      onProgress(replay.nowMs);
    }
    if (signal.aborted || atMs > untilMs) break;
    await replay.take(messages);
  }
  if (signal.aborted) end = "interrupted";
  if (replay === null) return { span: null, incidents: [], messages: [], leftOut: 0, books: [], end };
  return await replay.finish(end);
}

/** A Keyheat of which only the sources and the services of receivers are not real. */
class Replay {
  readonly #fromMs: number;
  readonly #clock: ReplayClock;
  readonly #windows: Windows;
  readonly #incidents: IncidentBook;
  readonly #muting: Muting;
  readonly #notifier: Notifier;
  readonly #aggregator: Aggregator;
  readonly #ledgers = {
    windows: new Ledger("windows"),
    incidents: new Ledger("incidents"),
    notify: new Ledger("notify"),
  };
  /** By id: all that fired. */
  readonly #fired = new Map<string, Incident>();
  readonly #messages: PastMessage[] = [];
  #leftOut = 0;

  constructor({ config, fromMs }: BacktestOptions, startMs: number) {
    const clock = new ReplayClock(startMs);
    const { rules } = config;
    const logger = silentLogger;
    this.#fromMs = fromMs ?? startMs;
    this.#clock = clock;
    this.#incidents = new IncidentBook({
      rules,
      store: memoryStore(),
      ledger: this.#ledgers.incidents,
      logger,
      nowMs: startMs,
    });
    this.#muting = new Muting({ rules, routes: config.routes, clock });
    this.#notifier = new Notifier({
      routes: config.routes,
      receivers: config.receivers.map(({ name }) => this.#receiver(name)),
      rules,
      clock,
      logger,
      ledger: this.#ledgers.notify,
      muting: this.#muting,
      onNotified: (id, notified) => {
        const logged = this.#incidents.recordNotified(id, notified);
        if (logged) this.#note(logged);
      },
    });
    this.#windows = new Windows({
      windowsMs: config.windows,
      hopMs: config.panes.length,
      graceMs: config.grace,
      keyBudget: new ByteBudget(KEY_BYTES_MAX),
      partBudget: new ByteBudget(PART_BYTES_MAX),
      ledger: this.#ledgers.windows,
      logger,
    });
    this.#aggregator = new Aggregator({
      rules,
      targets: new TargetTable(),
      roster: new Roster(),
      services: new ServiceTable(startMs),
      incidents: this.#incidents,
      clock,
      onIncident: (incident) => {
        this.#muting.note(incident);
        this.#notifier.offer(incident);
        this.#note(incident);
      },
      onTick: (nowMs) => this.#notifier.tick(nowMs),
    });
    this.#aggregator.evaluate(this.#windows);
    this.#aggregator.start();
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  async advanceTo(atMs: number): Promise<void> {
    await this.#clock.advanceTo(atMs);
  }

  async take(messages: readonly Message[]): Promise<void> {
    if (messages.length > 0) this.#aggregator.take(this.#windows, messages);
    await settled();
  }

  /** Ends as a Keyheat that is stopped: what waits for its group leaves. */
  async finish(end: BacktestResult["end"]): Promise<BacktestResult> {
    this.#aggregator.stop();
    this.#muting.stop();
    await this.#notifier.close(0);
    for (const id of this.#fired.keys()) {
      const latest = this.#incidents.get(id);
      if (latest !== undefined) this.#fired.set(id, latest);
    }
    this.#incidents.close();
    const all = [...this.#fired.values()].sort((one, other) => firedAt(one) - firedAt(other));
    return {
      span: { fromMs: this.#fromMs, toMs: Math.max(this.#fromMs, this.nowMs) },
      incidents: all.filter(({ resolvedAtMs }) => resolvedAtMs === null || resolvedAtMs >= this.#fromMs),
      messages: this.#messages,
      leftOut: this.#leftOut,
      books: [...this.#windows.books(), this.#ledgers.incidents.books(), this.#ledgers.notify.books()],
      end,
    };
  }

  #note(incident: Incident): void {
    if (incident.firedAtMs === null) return;
    const isNew = !this.#fired.has(incident.id);
    if (isNew && this.#fired.size >= INCIDENTS_MAX) this.#leftOut++;
    else this.#fired.set(incident.id, incident);
  }

  #receiver(name: string): Receiver {
    return {
      name,
      deliver: async (group) => {
        this.#told(name, group);
        return {};
      },
    };
  }

  #told(receiver: string, { event, incidents }: IncidentGroup): void {
    if (this.nowMs < this.#fromMs) return;
    if (this.#messages.length >= MESSAGES_MAX) {
      this.#leftOut++;
      return;
    }
    const ids = incidents.map(({ id }) => id);
    this.#messages.push({ receiver, atMs: this.nowMs, event, incidents: ids });
  }
}

function firedAt({ firedAtMs }: Incident): number {
  return firedAtMs ?? 0;
}
