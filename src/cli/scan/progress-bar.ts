import { formatDuration } from "../../model/duration-text.ts";
import type { ScanProgress } from "../../scans/scan-context.ts";
import { fit } from "../view/display-text.ts";
import { heatBar } from "../view/heat-bar.ts";

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
/** For what is no terminal. */
const LINE_EVERY_MS = 5000;
const BAR_COLUMNS = 24;
const COLUMNS = 80;
const TO_LINE_START = "\r";
const CLEAR_LINE = "\r\u001b[K";
/** Sooner nobody can tell how long it takes. */
const FORECAST_AFTER_MS = 1000;

/** Shows how far a scan has come, on standard error: a bar in a terminal, else a line every 5 s. */
export class ProgressBar {
  readonly #out: ProgressOutput;
  readonly #monotonic: () => number;
  readonly #startMs: number;
  #shownMs: number;
  #isShown = false;

  constructor(out: ProgressOutput, monotonic: () => number = () => performance.now()) {
    this.#out = out;
    this.#monotonic = monotonic;
    this.#startMs = monotonic();
    this.#shownMs = this.#startMs;
  }

  update(progress: ScanProgress): void {
    const nowMs = this.#monotonic();
    const isTerminal = this.#out.isTTY === true;
    if (nowMs - this.#shownMs < (isTerminal ? REDRAW_MS : LINE_EVERY_MS)) return;
    this.#shownMs = nowMs;
    const text = progressText(progress, nowMs - this.#startMs);
    if (isTerminal) this.#draw(progress, text);
    else this.#out.write(`keyheat: ${text}\n`);
  }

  /** Takes the bar away, before anything else is written. */
  clear(): void {
    if (this.#isShown) this.#out.write(CLEAR_LINE);
    this.#isShown = false;
  }

  #draw({ done, total }: ScanProgress, text: string): void {
    const bar = fit(heatBar(done / Math.max(1, total), BAR_COLUMNS), BAR_COLUMNS);
    const columns = Math.max(20, (this.#out.columns || COLUMNS) - 1);
    this.#out.write(`${TO_LINE_START}${fit(`${bar}| ${text}`, columns)}`);
    this.#isShown = true;
  }
}

/** `12,000 of 50,000 keys (24%), 1m 10s left`. Pure. */
export function progressText({ done, total, unit }: ScanProgress, tookMs: number): string {
  const share = Math.min(1, done / Math.max(1, total));
  const leftMs = (tookMs / Math.max(share, 1e-9)) * (1 - share);
  const left = tookMs < FORECAST_AFTER_MS || done === 0 ? "" : `, ${formatDuration(leftMs)} left`;
  const percent = `${Math.floor(share * 100)}%`;
  if (unit === "ms") return `${formatDuration(done)} of ${formatDuration(total)} (${percent})`;
  return `${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} ${unit} (${percent})${left}`;
}
