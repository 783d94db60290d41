import type { Vantage } from "../model/access.ts";
import type { MaybeClass } from "./columns.ts";

export interface RecorderOptions {
  readonly agent: string;
  readonly cluster: string;
  readonly target: string;
  readonly vantage: Vantage;
  readonly lengthMs: number;
  /** Keys tracked in one pane. */
  readonly capacity: number;
  /** Limit of the memory of both panes, the open one and the one before, in bytes. */
  readonly bytesMax: number;
  /** Entries published of one pane at most. */
  readonly publishMax: number;
  readonly buckets: number;
  readonly maybeClasses: readonly MaybeClass[];
  /** Names of commands, by id less one. */
  readonly commandNames: readonly string[];
  /** Keys that are counted but never reported. */
  readonly ignored: (key: Uint8Array) => boolean;
}
