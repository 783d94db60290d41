import { InvalidArgumentError } from "commander";
import type { Selection, Sort } from "../view/key-order.ts";

/** What `keyheat top` takes. */
export interface TopOptions {
  /** Servers to watch from here; without any, a running Keyheat is asked. */
  readonly redis: readonly string[];
  /** API of a running standalone or aggregator. */
  readonly url: string;
  readonly cluster?: string;
  readonly tokenFile?: string;
  /** Length of the window in ms. */
  readonly window?: number;
  readonly limit: number;
  readonly sort: Sort;
  readonly filter: string;
  readonly once?: boolean;
  readonly json?: boolean;
  /** Over after so long. */
  readonly seconds?: number;
}

/** What it writes to and reads from. */
export interface TopIo {
  readonly out: NodeJS.WriteStream;
  readonly err: { write(text: string): unknown };
  readonly input: NodeJS.ReadStream;
  readonly env: NodeJS.ProcessEnv;
}

export function selectionOf({ filter, sort, limit }: TopOptions): Selection {
  return { filter, sort, isReversed: false, keysMax: limit };
}

const WINDOW_MS_MAX = 900_000;
const MS_PER = { s: 1000, m: 60_000 };

/** In ms. */
export function windowLengthMs(text: string): number {
  const [, amount = "", unit = ""] = /^(\d{1,3})([sm])$/.exec(text) ?? [];
  const lengthMs = Number(amount) * (unit === "m" ? MS_PER.m : MS_PER.s);
  if (lengthMs > 0 && lengthMs <= WINDOW_MS_MAX) return lengthMs;
  throw new InvalidArgumentError("Expected whole seconds from 1s to 15m, such as 10s or 60s.");
}
