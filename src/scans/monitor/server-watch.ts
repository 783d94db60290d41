import { type Clock, delayUnless } from "../../runtime/clock.ts";
import { reasonOf } from "../../runtime/reason.ts";
import type { ScanServer } from "../scan-server.ts";
import { FiguresReader } from "./figures.ts";
import { MonitorGuard, opsPerSecond, type ServerFigures, type StopReason } from "./guard.ts";
import { LineLag } from "./lag.ts";
import { MonitorDecoder } from "./monitor-decoder.ts";
import { MonitorLink } from "./monitor-link.ts";
import { MonitorTally } from "./monitor-tally.ts";

export interface ServerWatchOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly lengthMs: number;
  readonly onProgress: (watchedMs: number) => void;
}

const FIGURES_EVERY_MS = 200;
/** The rate before is measured for so long. */
const BEFORE_MS = 1000;
const LOOK_EVERY_MS = 50;

/** One look at one server by MONITOR, under the eyes of its guard. */
export class ServerWatch {
  readonly server: ScanServer;
  readonly tally = new MonitorTally();
  /** How long MONITOR was on. */
  watchedMs = 0;
  /** Why it ended before its time; `null`: it did not. */
  stoppedBy: StopReason | null = null;
  /** What there is to say about that. */
  detail = "";
  commands = 0;
  garbage = 0;
  unread = 0;
  readonly opsPerSecond: { before: number; during: number } = { before: 0, during: 0 };
  readonly #options: ServerWatchOptions;
  readonly #lag = new LineLag();
  readonly #figures: FiguresReader;
  #latest: ServerFigures | null = null;
  /** Monotonic, since when an answer is waited for; `null`: none is. */
  #askedMs: number | null = null;

  constructor(server: ScanServer, options: ServerWatchOptions) {
    this.server = server;
    this.#options = options;
    this.#figures = new FiguresReader(server, options.clock);
  }

  /** Measures the server, then watches. Throws: `TargetError` where MONITOR could not begin. */
  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    const link = await MonitorLink.open(this.server, clock);
    const close = () => link.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      await this.#figures.prepare(await link.clientId());
      const first = await this.#figures.read();
      await delayUnless(signal, BEFORE_MS, clock);
      const start = await this.#figures.read();
      this.opsPerSecond.before = opsPerSecond(first, start);
      if (!signal.aborted) await this.#watch(link, start);
    } finally {
      signal.removeEventListener("abort", close);
      link.close();
    }
  }

  async #watch(link: MonitorLink, start: ServerFigures): Promise<void> {
    const { clock } = this.#options;
    const decoder = new MonitorDecoder(this.tally, { ownAddress: this.#figures.ownAddress });
    await link.start((bytes, from, to) => {
      decoder.push(bytes, from, to);
      this.#lag.note(decoder.latestMs, clock.monotonic());
    });
    this.#figures.noteOwn(1);
    const startMs = clock.monotonic();
    this.#latest = start;
    await this.#guarded(link, start, startMs);
    this.watchedMs = clock.monotonic() - startMs;
    const { commands, garbage, unread } = decoder;
    Object.assign(this, { commands, garbage, unread });
    this.opsPerSecond.during = opsPerSecond(start, this.#latest);
  }

  /** Until the time is over, somebody ends it, or the guard does. */
  async #guarded(link: MonitorLink, start: ServerFigures, startMs: number): Promise<void> {
    const { clock, signal, lengthMs, onProgress } = this.#options;
    const guard = new MonitorGuard(this.opsPerSecond.before);
    guard.take(start);
    const end = AbortSignal.any([signal, link.ended]);
    let dueMs = startMs;
    while (!end.aborted && this.stoppedBy === null) {
      const nowMs = clock.monotonic();
      if (nowMs >= dueMs && this.#askedMs === null) {
        dueMs = nowMs + FIGURES_EVERY_MS;
        void this.#ask(guard);
      }
      this.#judge(guard, nowMs);
      const leftMs = startMs + lengthMs - nowMs;
      if (leftMs <= 0) return;
      onProgress(nowMs - startMs);
      await delayUnless(end, Math.min(LOOK_EVERY_MS, leftMs), clock);
    }
    if (!link.ended.aborted || signal.aborted) return;
    this.stoppedBy = "server-closed";
    this.detail = link.problem?.message ?? "";
  }

  #judge(guard: MonitorGuard, nowMs: number): void {
    const unansweredMs = this.#askedMs === null ? 0 : nowMs - this.#askedMs;
    this.stoppedBy ??= guard.judge({ lagMs: this.#lag.lagMs, unansweredMs });
  }

  async #ask(guard: MonitorGuard): Promise<void> {
    this.#askedMs = this.#options.clock.monotonic();
    try {
      this.#latest = await this.#figures.read();
      guard.take(this.#latest);
    } catch (err) {
      this.stoppedBy ??= "unwatched";
      this.detail = reasonOf(err);
    } finally {
      this.#askedMs = null;
    }
  }
}
