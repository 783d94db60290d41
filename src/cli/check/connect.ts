import { ConfigError, loadConfig, problemLines } from "../../config/load.ts";
import { summaryLines } from "../../config/summary.ts";
import { examine } from "../../doctor/doctor.ts";
import type { Finding } from "../../doctor/finding.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { noColours, paintFor } from "../view/paint.ts";
import { findingLines, verdictLine } from "./finding-lines.ts";

export interface ConnectOptions {
  readonly config: string;
  readonly json?: boolean;
}

export interface ConnectIo {
  readonly out: { readonly isTTY?: boolean; write(text: string): unknown };
  readonly err: { readonly isTTY?: boolean; write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

const BAD_CONFIG = 2;
const WRONG = 1;
const CLEAR_LINE = "\r\u001b[K";

/**
 * `keyheat check --config FILE --connect`: the doctor. Prints what it found of all that the config names. Returns the exit
 * code: 1 where something is wrong.
 */
export async function connectCommand(
  { config: file, json = false }: ConnectOptions,
  io: ConnectIo,
): Promise<number> {
  const { out, err, env, signal, clock = systemClock } = io;
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig(file, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    err.write(`${problemLines(error.problems).join("\n")}\n`);
    return BAD_CONFIG;
  }
  if (!json) out.write(`${["ok", ...summaryLines(config)].join("\n")}\n\n`);
  const isTerminal = err.isTTY === true;
  if (isTerminal) err.write("looking at what the config names...");
  const findings = await examine({ config, file, clock, signal });
  if (isTerminal) err.write(CLEAR_LINE);
  const isWell = findings.every(({ status }) => status !== "fail") && !signal.aborted;
  if (json) out.write(`${JSON.stringify({ ok: isWell, complete: !signal.aborted, findings }, null, 2)}\n`);
  else out.write(`${findingLines(findings, out.isTTY === true ? paintFor(env) : noColours).join("\n")}\n`);
  return tellVerdict(findings, io, { isWell, json });
}

function tellVerdict(
  findings: readonly Finding[],
  { out, err, signal }: ConnectIo,
  { isWell, json }: { readonly isWell: boolean; readonly json: boolean },
): number {
  const verdict = `${verdictLine(findings)}${signal.aborted ? "; stopped before its end" : ""}`;
  if (!isWell) err.write(`keyheat: ${verdict}\n`);
  else if (!json) out.write(`\n${verdict}\n`);
  return isWell ? 0 : WRONG;
}
