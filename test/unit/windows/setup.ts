import { Ledger } from "../../../src/runtime/accounting.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { Windows, type WindowsOptions } from "../../../src/windows/windows.ts";
import { makePart, type PartFields } from "../../support/parts.ts";

/** Second 0 of each test. */
const T0 = 1_700_000_000_000;
/** The shorter window, ms. */
export const W = 10_000;

/** Seconds since the start of the test, in ms since 1970. */
export function at(seconds: number): number {
  return T0 + seconds * 1000;
}

/** Windows that have begun at second 0. */
export function setUp(options: Partial<WindowsOptions> = {}) {
  const ledger = new Ledger("windows");
  const windows = new Windows({
    windowsMs: [W, 60_000],
    hopMs: 1000,
    graceMs: 2000,
    ledger,
    logger: silentLogger,
    ...options,
  });
  windows.advance(at(0));
  return {
    windows,
    ledger,
    /** Adds a part of second `second`, just after it has ended. */
    add: (second: number, fields: PartFields, nowMs = at(second + 1.1)) =>
      windows.add(makePart({ startMs: at(second), ...fields }), nowMs),
    closed: (text: string, windowMs = W) => windows.closedOf(keyOf(text), windowMs),
  };
}

export function keyOf(text: string) {
  return { cluster: "default", db: 0, bytes: Buffer.from(text) };
}
