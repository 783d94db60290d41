import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration } from "../../model/duration-text.ts";
import { printable } from "./display-text.ts";
import type { FrameTexts } from "./frame.ts";
import { keysToAsk, type Selection } from "./key-order.ts";
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
  let heard: Heard = { scene: NO_SCENE, failure: null };
  let nextSummaryMs = performance.now() + SUMMARY_MS;
  // In its first second it is connecting: that is no problem to tell of.
  await pause(SETTLE_MS, signal);
  while (!signal.aborted) {
    await pause(INCIDENT_CHECK_MS, signal);
    if (signal.aborted) return;
    heard = await hear(options, heard.scene);
    for (const line of changeLines(shownScene(heard), told)) out.write(`${line}\n`);
    const nowMs = performance.now();
    if (nowMs < nextSummaryMs) continue;
    // What was missed, while nobody answered or the process was stopped, is not made up for.
    nextSummaryMs = Math.max(nextSummaryMs + SUMMARY_MS, nowMs);
    out.write(`${ageText(heard)}${summaryLine(heard.scene, selection)}\n`);
  }
}

/** The last scene that there was. */
interface Heard {
  readonly scene: Scene;
  /** Why there is no newer one; `null`: it is the newest. */
  readonly failure: string | null;
}

function shownScene({ scene, failure }: Heard): Scene {
  return failure === null ? scene : { ...scene, problems: [failure] };
}

/** Old numbers look like new ones: their age is told. */
function ageText({ scene, failure }: Heard): string {
  if (failure === null || scene.atMs === 0) return "";
  return `no answer, this is ${formatDuration(Date.now() - scene.atMs)} old | `;
}

function firstFooter({ footer }: FrameTexts): string {
  return [...(footer === "" ? [] : [footer]), "Ctrl-C ends"].join("   ");
}

/** The next scene; where there is none, the last one with the reason. */
async function hear({ source, selection }: PlainViewOptions, last: Scene): Promise<Heard> {
  try {
    return { scene: await source.read({ keysMax: keysToAsk(selection) }), failure: null };
  } catch (error) {
    return { scene: last, failure: printable(error instanceof Error ? error.message : String(error)) };
  }
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => {});
}
