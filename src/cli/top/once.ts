import { sceneOf } from "../view/api-scene.ts";
import { type FrameTexts, frameLines } from "../view/frame.ts";
import { noColours } from "../view/paint.ts";
import { firstState } from "../view/view-state.ts";
import { inertJson, topDocument } from "./document.ts";
import type { Reading } from "./first-window.ts";
import { selectionOf, type TopIo, type TopOptions } from "./options.ts";

const COLUMNS = 120;
const ROWS = 10_000;
const INDENT = 2;

/** What `--once` prints of what was read. */
export function onceText(
  { bodies, trails }: Reading,
  options: TopOptions,
  texts: FrameTexts,
  { out, env }: Pick<TopIo, "out" | "env">,
): string {
  const selection = selectionOf(options);
  if (options.json === true) return `${inertJson(topDocument(bodies, selection), INDENT)}\n`;
  const nowMs = Date.now();
  const moment = { scene: sceneOf(bodies, nowMs), trails, failure: null };
  const view = { state: firstState(selection), moment, texts, hints: "none", nowMs } as const;
  // The last column of a terminal is left free, where there is one; one that does not know its width says 0.
  const columns = out.columns || (Number(env.COLUMNS) || COLUMNS) + 1;
  const lines = frameLines(view, { columns, rows: ROWS }, noColours);
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
