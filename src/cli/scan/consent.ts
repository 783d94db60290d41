import { createInterface } from "node:readline/promises";
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
  const lines = createInterface({ input });
  try {
    const answer = await lines.question("", { signal: io.signal });
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch {
    // Ctrl-C, or the terminal was closed.
    return false;
  } finally {
    lines.close();
  }
}
