import { setTimeout as sleep } from "node:timers/promises";
import { printable } from "./display-text.ts";
import { type FrameTexts, frameLines } from "./frame.ts";
import { paintFor } from "./paint.ts";
import { changeLines, summaryLine, type Told } from "./plain-lines.ts";
import type { Scene, SceneSource } from "./scene.ts";
import { Screen, type ViewOutput } from "./screen.ts";

export interface LiveViewOptions {
  readonly source: SceneSource;
  readonly texts: FrameTexts;
  readonly out: ViewOutput;
  readonly env: NodeJS.ProcessEnv;
  /** Ends the view. */
  readonly signal: AbortSignal;
}

const REDRAW_MS = 1000;
const FRAME_PHASE_MS = 150;
const INCIDENT_CHECK_MS = 250;
const SUMMARY_MS = 2000;
const SETTLE_MS = 1000;

/** Shows scenes until `signal` aborts: a frame redrawn each second in a terminal, else plain lines. */
export async function showLiveView(options: LiveViewOptions): Promise<void> {
  if (options.out.isTTY === true) await showFrames(options);
  else await showLines(options);
}

async function showFrames({ source, texts, out, env, signal }: LiveViewOptions): Promise<void> {
  const screen = new Screen(out);
  const paint = paintFor(env);
  let last: Scene | null = null;
  try {
    while (!signal.aborted) {
      const scene: Scene = await readOr(source, last);
      last = scene;
      if (!signal.aborted) {
        screen.draw(frameLines(scene, texts, { columns: out.columns ?? 80, rows: out.rows ?? 24 }, paint));
      }
      // Frames come just after the full second, when the hop of the second before has closed.
      await pause(REDRAW_MS - ((Date.now() - FRAME_PHASE_MS) % REDRAW_MS), signal);
    }
  } finally {
    screen.close();
  }
}

async function showLines({ source, texts, out, signal }: LiveViewOptions): Promise<void> {
  out.write(`${texts.title}: ${texts.subtitle}\n${texts.footer}\n`);
  const told: Told = { incidents: new Map(), problems: new Set() };
  let last: Scene | null = null;
  let nextSummaryMs = performance.now() + SUMMARY_MS;
  // In its first second it is connecting: that is no problem to tell of.
  await pause(SETTLE_MS, signal);
  while (!signal.aborted) {
    await pause(INCIDENT_CHECK_MS, signal);
    if (signal.aborted) return;
    const scene: Scene = await readOr(source, last);
    last = scene;
    for (const line of changeLines(scene, told)) out.write(`${line}\n`);
    if (performance.now() < nextSummaryMs) continue;
    nextSummaryMs += SUMMARY_MS;
    out.write(`${summaryLine(scene)}\n`);
  }
}

/** The next scene; where there is none, the last one with the reason in it. */
async function readOr(source: SceneSource, last: Scene | null): Promise<Scene> {
  try {
    return await source.read();
  } catch (error) {
    const reason = printable(error instanceof Error ? error.message : String(error));
    return { ...(last ?? EMPTY), atMs: Date.now(), complete: false, problems: [reason] };
  }
}

const EMPTY: Scene = {
  atMs: 0,
  windowMs: 10_000,
  complete: false,
  accessesPerSecond: null,
  targets: [],
  keys: [],
  incidents: [],
  problems: [],
};

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => {});
}
