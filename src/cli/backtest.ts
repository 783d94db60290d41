import { type BacktestResult, backtest } from "../backtest.ts";
import type { Environment } from "../config/environment.ts";
import { ConfigError, type Problem } from "../config/problem.ts";
import { loadRulesFile } from "../config/rules-file.ts";
import type { Config } from "../config/schema.ts";
import { kafkaSettings } from "../transport/kafka/connection.ts";
import { unitedNotes } from "./backtest/notes.ts";
import { kafkaPast, type Past, recordedPast } from "./backtest/past.ts";
import { progressLines } from "./backtest/progress.ts";
import { type Report, reportJson, reportText } from "./backtest/report.ts";
import { summarize } from "./backtest/summary.ts";
import { parseTime, TIME_EXPECTED } from "./backtest/times.ts";

export interface BacktestCommandOptions {
  /** Config file whose rules are tried. */
  readonly rules?: string;
  /** Config file whose rules are compared with those. */
  readonly against?: string;
  /** Config file that says where Kafka is, and whose rules are tried where there are no others. */
  readonly config?: string;
  /** A recording. */
  readonly file?: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

export interface BacktestIo {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** Windows close late by so much, beside `grace`. */
const WARM_UP_SLACK_MS = 5000;
/** A surge is judged after 30 windows; by then the mean has not settled yet. */
const SURGE_WARM_UP_WINDOWS = 60;

/**
 * `keyheat backtest`: prints what would have fired, when, and how many pages each receiver would have had. Returns the
 * exit code.
 *
 * Throws: ConfigError; RecordingError; KafkaError.
 */
export async function backtestCommand(options: BacktestCommandOptions, io: BacktestIo): Promise<number> {
  const usage = usageOf(options, Date.now());
  const load = (file: string) => loadRulesFile(file, io.env, { withKafka: false });
  const config = load(usage.rulesFile);
  const other = options.against === undefined ? null : load(options.against);
  const report = await replay(options, usage, config, io);
  const against = other === null ? null : await replay(options, usage, other, io);
  io.out.write(options.json === true ? reportJson(report, against) : reportText(report, against));
  return 0;
}

/** What one set of rules would have made of the past. */
async function replay(
  options: BacktestCommandOptions,
  { fromMs, toMs }: Usage,
  config: Config,
  io: BacktestIo,
): Promise<Report> {
  const past = await openPast(options, { fromMs, toMs, config }, io);
  try {
    const onProgress = progressLines(past, io.err);
    const { batches } = past;
    const result = await backtest({ config, batches, fromMs, toMs, signal: io.signal, onProgress });
    checkSpan(result, { fromMs, toMs });
    const receivers = config.receivers.map(({ name }) => name);
    return { result, summary: summarize(result, receivers), notes: unitedNotes(result, past.notes()) };
  } finally {
    await past.close();
  }
}

/** A time of which there is nothing would read as a quiet one. Throws: ConfigError. */
function checkSpan({ span, end }: BacktestResult, { fromMs, toMs }: Pick<Usage, "fromMs" | "toMs">): void {
  if (span === null || end !== "whole" || span.fromMs < span.toMs) return;
  const at = new Date(span.fromMs).toISOString();
  if (toMs !== null && toMs <= span.fromMs) {
    throw new ConfigError("options", [{ path: "--to", message: `nothing was published before ${at}` }]);
  }
  if (fromMs !== null) {
    throw new ConfigError("options", [{ path: "--from", message: `nothing was published after ${at}` }]);
  }
}

interface Usage {
  readonly rulesFile: string;
  /** ms since 1970; `null`: where the recording begins. */
  readonly fromMs: number | null;
  /** `null`: where it ends. */
  readonly toMs: number | null;
}

/** What the options ask for. Throws: ConfigError with everything that is wrong with them. */
function usageOf(options: BacktestCommandOptions, nowMs: number): Usage {
  const { rules, config, file, from, to } = options;
  const problems: Problem[] = [];
  const timeOf = (path: string, text: string | undefined) => {
    const ms = text === undefined ? null : parseTime(text, nowMs);
    if (text !== undefined && ms === null) problems.push({ path, message: TIME_EXPECTED });
    return ms;
  };
  const fromMs = timeOf("--from", from);
  const toMs = timeOf("--to", to) ?? (file === undefined ? nowMs : null);
  const rulesFile = rules ?? config;
  if (rulesFile === undefined) {
    problems.push({ path: "--rules", message: "is missing: which rules are to be tried (or --config)" });
  }
  if (file === undefined && from === undefined) {
    problems.push({
      path: "--from",
      message: "is missing: from when on what Kafka has is to be replayed; or name a recording with --file",
    });
  }
  if (fromMs !== null && toMs !== null && fromMs >= toMs) {
    problems.push({ path: "--to", message: "expected a time after --from" });
  }
  if (problems.length > 0 || rulesFile === undefined) throw new ConfigError("options", problems);
  return { rulesFile, fromMs, toMs };
}

async function openPast(
  { file, rules, config: configFile = rules }: BacktestCommandOptions,
  { fromMs, toMs, config }: { fromMs: number | null; toMs: number | null; config: Config },
  { env, signal }: BacktestIo,
): Promise<Past> {
  if (file !== undefined) return await recordedPast(file);
  if (configFile === undefined || fromMs === null || toMs === null)
    throw new Error("options were not checked");
  const { kafka } = loadRulesFile(configFile, env, { withKafka: true });
  return await kafkaPast(kafkaSettings(kafka), { fromMs, toMs, warmUpMs: warmUpOf(config) }, signal);
}

/** How long before `--from` the replay has to begin. */
function warmUpOf({ windows, grace, rules }: Pick<Config, "windows" | "grace" | "rules">): number {
  const surges = rules.filter(({ type }) => type === "surge");
  const learningMs = Math.max(0, ...surges.map(({ window }) => SURGE_WARM_UP_WINDOWS * window));
  return Math.max(learningMs, ...windows) + grace + WARM_UP_SLACK_MS;
}
