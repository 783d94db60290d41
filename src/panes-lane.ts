import type { Config } from "./config/schema.ts";
import type { ClientsReport } from "./model/clients.ts";
import type { PanePart } from "./model/pane.ts";
import type { Ledger } from "./runtime/accounting.ts";
import type { ByteBudget } from "./runtime/byte-budget.ts";
import type { Logger } from "./runtime/logger.ts";
import type { Message } from "./transport/transport.ts";
import { CommitMarks } from "./windows/commit-marks.ts";
import { type OwnsBucket, Windows } from "./windows/windows.ts";
import { decodeMessage } from "./wire/message-codec.ts";

/** A record of a panes partition. */
export interface PanesRecord {
  readonly offset: number;
  readonly value: Uint8Array | null;
}

/** Of records, decoded or not; of parts; of their entries. */
export interface LaneLedgers {
  readonly records: Ledger;
  readonly windows: Ledger;
  readonly entries: Ledger;
}

/** What all lanes of a process share. */
export interface LaneCommons {
  readonly config: Pick<Config, "windows" | "panes" | "grace" | "kafka">;
  readonly keyBudget: ByteBudget;
  readonly partBudget: ByteBudget;
  readonly ledgers: LaneLedgers;
  /** Kinds of damage that were named already: each once, whatever the partition. */
  readonly named: Set<string>;
  readonly logger: Logger;
}

/** Beyond grace and windows, what hops that are late to close still need. */
const SLACK_MS = 3000;
/** No window takes in a pane that is further ahead. */
const AHEAD_MS_MAX = 10_000;
/** Different kinds of damage that are named, each once. */
const NAMED_MAX = 20;

/** One partition of the panes topic under this process: its records, and the windows that are made of them. */
export class PanesLane {
  readonly partition: number;
  readonly windows: Windows;
  /** Whether everything that there was at the start has been read. */
  isCaughtUp = false;
  readonly #commons: LaneCommons;
  readonly #marks = new CommitMarks();

  constructor(partition: number, owns: OwnsBucket, commons: LaneCommons) {
    this.partition = partition;
    this.#commons = commons;
    const { config, keyBudget, partBudget, ledgers, logger } = commons;
    this.windows = new Windows({
      windowsMs: config.windows,
      hopMs: config.panes.length,
      graceMs: config.grace,
      buckets: config.kafka.buckets,
      owns,
      isRebuilding: true,
      keyBudget,
      partBudget,
      ledger: ledgers.windows,
      entries: ledgers.entries,
      logger,
    });
  }

  /** The messages in records; what cannot be read is counted, and named once. */
  read(records: readonly PanesRecord[], nowMs: number): Message[] {
    const { records: ledger } = this.#commons.ledgers;
    ledger.receive(records.length);
    return records.flatMap(({ offset, value }) => {
      const decoded = value === null ? { problem: "no value" } : decodeMessage(value);
      // What claims to be of a far future must not be read again for ever.
      const neededMs = "value" in decoded ? neededToMs(decoded.value) : 0;
      this.#marks.note(offset, Math.min(neededMs, nowMs + AHEAD_MS_MAX));
      if ("problem" in decoded) return this.#refuse("unreadable", decoded.problem, offset);
      // The newest word on a target or key counts: one of a far future would be the last for ever.
      if (toldAtMs(decoded.value) > nowMs + AHEAD_MS_MAX)
        return this.#refuse("future", "its clock is ahead", offset);
      ledger.keep();
      return [decoded.value];
    });
  }

  caughtUp(): void {
    this.isCaughtUp = true;
    this.windows.rebuilt();
  }

  /** From where a successor has to read; `null`: not known yet. */
  commitOffset(nowMs: number): number | null {
    if (!this.isCaughtUp) return null;
    const { windows, grace } = this.#commons.config;
    return this.#marks.offset(nowMs - Math.max(...windows) - grace - SLACK_MS);
  }

  #refuse(reason: string, problem: string, offset: number): [] {
    this.#commons.ledgers.records.drop(reason);
    this.#nameOnce(problem, offset);
    return [];
  }

  #nameOnce(problem: string, offset: number): void {
    const { named, logger } = this.#commons;
    if (named.has(problem) || named.size >= NAMED_MAX) return;
    named.add(problem);
    logger.warn({ partition: this.partition, offset, problem }, "record of the panes topic cannot be read");
  }
}

/** Until when, ms since 1970, a window may need what a message tells. */
function neededToMs(message: Message): number {
  if (message.type === "part" || message.type === "clients") return endOf(message);
  return message.type === "report" ? message.pane.startMs + message.pane.lengthMs : 0;
}

/** When it was told, ms since 1970; 0: of what speaks of a pane, that is looked at where it is counted. */
function toldAtMs(message: Message): number {
  return message.type === "part" || message.type === "clients" ? 0 : message.atMs;
}

function endOf({ startMs, lengthMs }: PanePart | ClientsReport): number {
  return startMs + lengthMs;
}
