import type { PanePart } from "../model/pane.ts";
import { mergePanes, streamOf } from "../panes/merge.ts";

/** Panes inside one aligned interval of this length may become one. */
export const COARSE_MS = 10_000;

/**
 * Numbers of merged parts begin here, far above those of early parts. The number names the first pane inside: of two
 * merged parts that were both sent, none shares a pane with the other, so their numbers differ.
 */
export const FIRST_MERGED_PART = 2048;

/** A whole pane that waits to be sent, with what is known of the time it covers. */
export interface WaitingPane {
  /** All its parts: one closing, and the early ones. */
  readonly parts: readonly PanePart[];
  /** How much of its interval it covers: less than its length where some of the merged panes are elsewhere. */
  readonly coveredMs: number;
  /** Whether nothing was missed in what it covers. */
  readonly complete: boolean;
  /** Start of the first pane inside. */
  readonly firstStartMs: number;
  /** Length of the panes inside. */
  readonly fineMs: number;
}

/** A pane that no merge has touched, from all its parts. */
export function finePane(parts: readonly PanePart[]): WaitingPane {
  const [{ startMs, lengthMs }] = parts as [PanePart];
  return {
    parts,
    coveredMs: lengthMs,
    complete: parts.every(({ complete }) => complete),
    firstStartMs: startMs,
    fineMs: lengthMs,
  };
}

/** Panes with the same group may be merged; `null`: this one must not be, for it would not get coarser or mix streams. */
export function coarseGroupOf({ parts, fineMs }: WaitingPane): string | null {
  const [first, ...others] = parts;
  if (!first) return null;
  const isFinePart =
    fineMs < COARSE_MS && COARSE_MS % fineMs === 0 && COARSE_MS / fineMs <= FIRST_MERGED_PART;
  const stream = streamOf(first);
  if (!isFinePart || others.some((part) => streamOf(part) !== stream)) return null;
  return `${coarseStartOf(first.startMs)}|${fineMs}|${stream}`;
}

/** One pane of the whole coarse interval, from panes of one group. */
export function mergeWaiting(panes: readonly WaitingPane[], entriesMax: number): WaitingPane {
  const fineMs = panes[0]?.fineMs ?? COARSE_MS;
  const firstStartMs = Math.min(...panes.map((pane) => pane.firstStartMs));
  const startMs = coarseStartOf(firstStartMs);
  const coveredMs = panes.reduce((sum, pane) => sum + pane.coveredMs, 0);
  const complete = panes.every((pane) => pane.complete);
  const merged = mergePanes(
    panes.flatMap(({ parts }) => parts),
    {
      startMs,
      lengthMs: COARSE_MS,
      part: FIRST_MERGED_PART + (firstStartMs - startMs) / fineMs,
      // Panes of this interval that are not inside were sent, dropped, or are still to come: it cannot speak for them.
      complete: complete && coveredMs === COARSE_MS,
      entriesMax,
    },
  );
  return { parts: [merged], coveredMs, complete, firstStartMs, fineMs };
}

function coarseStartOf(startMs: number): number {
  return startMs - (startMs % COARSE_MS);
}
