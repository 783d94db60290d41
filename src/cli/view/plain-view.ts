import { setTimeout as sleep } from "node:timers/promises";
import { printable } from "./display-text.ts";
import type { FrameTexts } from "./frame.ts";
import { keysToAsk, type Selection, selectKeys } from "./key-order.ts";
import { changeLines, summaryLine, type Told } from "./plain-lines.ts";
import { NO_SCENE, type Scene, type SceneSource } from "./scene.ts";

export interface PlainViewOptions {
  readonly source: SceneSource;
  readonly texts: FrameTexts;
  readonly selection: Selection;
  readonly out: { write(text: string): unknown };
  /** Ends the view. */
  readonly signal: AbortSignal;
}

const INCIDENT_CHECK_MS = 250;
const SUMMARY_MS = 2000;
const SETTLE_MS = 1000;

/** For what is no terminal: a line where something changed, and a summary each 2 s, until `signal` aborts. */
export async function showLines(options: PlainViewOptions): Promise<void> {
  const { texts, selection, out, signal } = options;
  out.write(`${texts.title}: ${texts.subtitle}\n${firstFooter(texts)}\n`);
  const told: Told = { incidents: new Map(), problems: new Set() };
  let last = NO_SCENE;
  let nextSummaryMs = performance.now() + SUMMARY_MS;
  // In its first second it is connecting: that is no problem to tell of.
  await pause(SETTLE_MS, signal);
  while (!signal.aborted) {
    await pause(INCIDENT_CHECK_MS, signal);
    if (signal.aborted) return;
    last = await readOr(options, last);
    for (const line of changeLines(last, told)) out.write(`${line}\n`);
    if (performance.now() < nextSummaryMs) continue;
    nextSummaryMs += SUMMARY_MS;
    out.write(`${summaryLine({ ...last, keys: selectKeys(last.keys, selection) })}\n`);
  }
}

function firstFooter({ footer }: FrameTexts): string {
  return [...(footer === "" ? [] : [footer]), "Ctrl-C ends"].join("   ");
}

/** The next scene; where there is none, the last one with the reason in it. */
async function readOr({ source, selection }: PlainViewOptions, last: Scene): Promise<Scene> {
  try {
    return await source.read({ keysMax: keysToAsk(selection) });
  } catch (error) {
    const reason = printable(error instanceof Error ? error.message : String(error));
    return { ...last, atMs: Date.now(), complete: false, problems: [reason] };
  }
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => {});
}
