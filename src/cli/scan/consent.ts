import { createInterface } from "node:readline";
import { ConfigError } from "../../config/problem.ts";
import type { ScanIo } from "./run-scan.ts";

/** Where the answer is typed. */
export type ConsentInput = NodeJS.ReadableStream & { readonly isTTY?: boolean };

/**
 * Asks whoever sits at the terminal, on standard error; anything but y or yes is a no.
 *
 * Throws: ConfigError where nobody sits there.
 */
export async function hasConsent(question: string, input: ConsentInput, io: ScanIo): Promise<boolean> {
  if (input.isTTY !== true) {
    const message = `nobody can be asked, for standard input is no terminal; add --yes to begin without. ${question}`;
    throw new ConfigError("options", [{ path: "--yes", message }]);
  }
  io.err.write(`${question}\nBegin? [y/N] `);
  return /^\s*y(es)?\s*$/i.test(await lineOf(input, io.signal));
}

/** What is typed, up to Enter; nothing at Ctrl-C, Ctrl-D, or where the terminal is closed. */
async function lineOf(input: ConsentInput, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input });
  const { promise, resolve } = Promise.withResolvers<string>();
  const giveUp = () => resolve("");
  lines.once("line", resolve);
  lines.once("close", giveUp);
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
    lines.close();
  }
}
