/** Why a look at a server by MONITOR ended before its time. */
export type StopReason = "ops-drop" | "output-buffer" | "slow-reader" | "unwatched" | "server-closed";

/** What the server said at one moment, asked on another connection. */
export interface ServerFigures {
  /** Monotonic, when the answer came. */
  readonly atMs: number;
  /** Commands that it ran since its start, without those of the one who asks. */
  readonly commands: number;
  /** What it holds back for the connection with MONITOR; `null`: there is none yet. */
  readonly outputBytes: number | null;
}

export interface GuardLook {
  /** By how much lines are read later than at their best, in ms. */
  readonly lagMs: number;
  /** Age of the oldest question to the server that has no answer, in ms. */
  readonly unansweredMs: number;
}

/** Of the rate before, that MONITOR may cost. */
const DROP_MAX = 0.25;
/** A rate over a shorter time, or of fewer commands, says nothing: chance alone makes it a quarter less. */
const RATE_MS_MIN = 500;
const RATE_COMMANDS_MIN = 400;
const OUTPUT_BYTES_MAX = 8 * 2 ** 20;
const LAG_MS_MAX = 1000;
const UNANSWERED_MS_MAX = 1000;
/** As many figures as fit into a minute. */
const FIGURES_MAX = 1000;

/**
 * Watches that MONITOR does a server no harm. Pure: figures in, a verdict out.
 *
 * It ends where the server runs a quarter less commands a second than right before, where it holds back more than 8 MiB
 * for us, where we read its lines a second late, or where it does not answer for a second. A rate is that of the latest
 * 500 ms at least, and of so long that 400 commands were to be expected: a quarter less of these is no chance (5 standard
 * deviations, if commands come independently of each other).
 */
export class MonitorGuard {
  readonly #before: number;
  readonly #figures: ServerFigures[] = [];

  /** `before`: commands a second. */
  constructor(before: number) {
    this.#before = before;
  }

  take(figures: ServerFigures): void {
    this.#figures.push(figures);
    if (this.#figures.length > FIGURES_MAX) this.#figures.shift();
  }

  judge({ lagMs, unansweredMs }: GuardLook): StopReason | null {
    if ((this.#figures.at(-1)?.outputBytes ?? 0) > OUTPUT_BYTES_MAX) return "output-buffer";
    if (unansweredMs > UNANSWERED_MS_MAX) return "unwatched";
    if (lagMs > LAG_MS_MAX) return "slow-reader";
    return this.#hasDropped ? "ops-drop" : null;
  }

  get #hasDropped(): boolean {
    const latest = this.#figures.at(-1);
    if (latest === undefined) return false;
    const spanMs = Math.max(RATE_MS_MIN, (RATE_COMMANDS_MIN * 1000) / this.#before);
    const first = this.#figures.findLast(({ atMs }) => latest.atMs - atMs >= spanMs);
    return first !== undefined && opsPerSecond(first, latest) < this.#before * (1 - DROP_MAX);
  }
}

/** Commands a second between two figures. */
export function opsPerSecond(first: ServerFigures, last: ServerFigures): number {
  const seconds = (last.atMs - first.atMs) / 1000;
  return seconds > 0 ? Math.max(0, last.commands - first.commands) / seconds : 0;
}
