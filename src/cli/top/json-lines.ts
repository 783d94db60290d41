import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiSource } from "../view/api-source.ts";
import { printable } from "../view/display-text.ts";
import { keysToAsk, type Selection } from "../view/key-order.ts";
import { inertJson, topDocument } from "./document.ts";
import type { TopIo } from "./options.ts";

const LINE_MS = 1000;
const LINE_PHASE_MS = 150;

/**
 * Writes a line of JSON a second until `signal` aborts. A second without an answer has none: the reason goes to `err`, once
 * while it lasts.
 *
 * Throws: ApiRefusal, Error, when the first answer fails.
 */
export async function writeJsonLines(
  source: ApiSource,
  selection: Selection,
  { out, err }: Pick<TopIo, "out" | "err">,
  signal: AbortSignal,
): Promise<void> {
  const line = async () => {
    const bodies = await source.readBodies({ keysMax: keysToAsk(selection) });
    return `${inertJson(topDocument(bodies, selection))}\n`;
  };
  let next: string | null = await line();
  let told = "";
  while (!signal.aborted) {
    // A slow reader gets fewer lines: they must not pile up here.
    if (next !== null && !out.write(next)) await once(out, "drain", { signal }).catch(() => {});
    const untilNextMs = LINE_MS - ((Date.now() - LINE_PHASE_MS) % LINE_MS);
    await sleep(untilNextMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    let reason = "";
    next = await line().catch((error: unknown) => {
      reason = printable(error instanceof Error ? error.message : String(error));
      return null;
    });
    if (reason !== "" && reason !== told) err.write(`keyheat: ${reason}\n`);
    told = reason;
  }
}
