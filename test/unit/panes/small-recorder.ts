import type { PanePart } from "../../../src/model/pane.ts";
import type { SlotRange } from "../../../src/model/slot.ts";
import { UNKNOWN_BUDGET, WRITE_COLUMN } from "../../../src/panes/columns.ts";
import { viewOf } from "../../../src/panes/key-words.ts";
import { PaneRecorder } from "../../../src/panes/recorder.ts";

export const SEES = ["write", "miss"] as const;

/** Of a pane in which nothing went wrong; its maybes stay in doubt. */
export const VERDICT = {
  sees: SEES,
  complete: true,
  writesInDoubt: false,
  slots: null,
  totals: null,
  budgets: [UNKNOWN_BUDGET],
};

/** A recorder with one class of maybes, whose first pane is the second 0. */
export function recorderOf({
  capacity = 1000,
  publishMax = 1000,
  ignored = (_key: Uint8Array): boolean => false,
} = {}): PaneRecorder {
  const options = {
    agent: "a",
    cluster: "c",
    target: "t",
    vantage: "server-events",
    lengthMs: 1000,
    capacity,
    bytesMax: 4 * 1024 * 1024,
    publishMax,
    buckets: 12,
    maybeClasses: [{ kind: "write" }],
    commandNames: ["set", "incr"],
    ignored,
  } as const;
  return new PaneRecorder(options, { startMs: 0, epoch: 1, nowMs: 0 });
}

/** Counts accesses of a key. */
export function hit(recorder: PaneRecorder, text: string, weight = 1, column = WRITE_COLUMN): void {
  const key = Buffer.from(text);
  recorder.count(recorder.enter(0, viewOf(key), 0, key.length), column, weight, 1);
}

/** Closes the open pane and publishes it; the next one takes in everything. */
export function close(
  recorder: PaneRecorder,
  slots: readonly SlotRange[] | null = null,
  budget = UNKNOWN_BUDGET,
): PanePart[] {
  const closing = recorder.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
  return closing.publish({ ...VERDICT, slots, budgets: [budget] });
}
