import type { Environment } from "../../config/environment.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { type FleetOptions, openFleet } from "../../scans/fleet.ts";
import type { ScanContext, ScanOutcome } from "../../scans/scan-context.ts";
import { printable } from "../view/display-text.ts";
import { ProgressBar, type ProgressOutput } from "./progress-bar.ts";
import { targetsOf } from "./scan-targets.ts";
import type { ServerOptions } from "./server-options.ts";

export interface ScanOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ScanIo {
  readonly out: ScanOutput;
  readonly err: ProgressOutput;
  readonly env: Environment;
  /** Ctrl-C: the scan prints what it has. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** One kind of scan: what it does, and how people see it. */
export interface ScanKind<Body extends object> {
  readonly name: string;
  /** Throws: Error, with one line, where there is nothing to be had. */
  run(context: ScanContext): Promise<ScanOutcome<Body>>;
  /** The table and what stands around it; texts are printable. `columns` of the terminal, Infinity where it is none. */
  lines(body: Body, columns: number): readonly string[];
  /** Replicas are looked at, too. */
  readonly replicas?: boolean;
}

const STOPPED = "stopped before its end: this is what was seen until then";

/**
 * Runs a scan: progress on standard error, a table or one JSON document on standard output. Returns the exit code: 1
 * where something is missing, with the reason on the last line.
 *
 * Throws: ConfigError; Error where no server can be asked.
 */
export async function runScan<Body extends object>(
  kind: ScanKind<Body>,
  options: ServerOptions,
  io: ScanIo,
): Promise<number> {
  const { clock = systemClock, signal } = io;
  const startMs = clock.monotonic();
  const bar = new ProgressBar(io.err, () => clock.monotonic());
  const targets = targetsOf(options, io.env);
  const fleetOptions = { clock, signal, budget: options.budget, replicas: kind.replicas === true };
  try {
    const outcome = await runOnFleet(kind, targets, fleetOptions, (progress) => bar.update(progress));
    bar.clear();
    const missing = [...outcome.missing, ...(signal.aborted ? [STOPPED] : [])].map(printable);
    const tookMs = Math.round(clock.monotonic() - startMs);
    const report = { ...outcome, missing, tookMs, nowMs: clock.now() };
    io.out.write(options.json === true ? jsonOf(kind, report) : textOf(kind, report, io.out));
    if (missing.length === 0) return 0;
    io.err.write(missing.map((line) => `keyheat: ${line}\n`).join(""));
    return 1;
  } finally {
    bar.clear();
  }
}

async function runOnFleet<Body extends object>(
  kind: ScanKind<Body>,
  targets: readonly TargetConfig[],
  options: FleetOptions,
  onProgress: ScanContext["onProgress"],
): Promise<ScanOutcome<Body>> {
  const { clock, signal } = options;
  const { servers, missing } = await openFleet(targets, options).catch((cause: unknown) => {
    throw signal.aborted ? new Error("stopped before anything was seen", { cause }) : cause;
  });
  try {
    const outcome = await kind.run({ servers, clock, signal, onProgress });
    return { ...outcome, missing: [...missing, ...outcome.missing] };
  } finally {
    for (const server of servers) server.close();
  }
}

interface Report<Body> extends ScanOutcome<Body> {
  readonly tookMs: number;
  readonly nowMs: number;
}

function jsonOf<Body extends object>({ name }: ScanKind<Body>, report: Report<Body>): string {
  const { body, missing, limits, tookMs, nowMs } = report;
  const reasons = [...missing, ...limits];
  const document = {
    scan: name,
    asOf: new Date(nowMs).toISOString(),
    tookMs,
    partial: reasons.length > 0,
    reasons,
    ...body,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function textOf<Body extends object>(
  kind: ScanKind<Body>,
  { body, missing, limits }: Report<Body>,
  out: ScanOutput,
): string {
  const columns = out.isTTY === true ? out.columns || Number.POSITIVE_INFINITY : Number.POSITIVE_INFINITY;
  const notes = limits.map((line) => `note: ${printable(line)}`);
  const partial = missing.length > 0 ? ["partial: see below"] : [];
  return `${[...kind.lines(body, columns), ...notes, ...partial].join("\n")}\n`;
}
