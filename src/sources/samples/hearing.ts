import type { SourceStatus } from "../../model/target.ts";

/** Reporters send each second; a few may go missing. */
const SILENT_MS = 5000;
/** Targets beyond it have no status: an agent does not know so many. */
const TARGETS_MAX = 10_000;

interface Heard {
  lastMs: number;
  /** Since when samples have come without a pause. */
  sinceMs: number;
  gaps: number;
  /** Smallest of the batches of the last second and of the one before. */
  probability: number;
  probabilityBefore: number;
  secondMs: number;
}

/** When samples came for each target: the state of the source there. */
export class Hearing {
  readonly #isEnabled: boolean;
  readonly #startMs: number;
  readonly #heard = new Map<string, Heard>();

  constructor(isEnabled: boolean, startMs: number) {
    this.#isEnabled = isEnabled;
    this.#startMs = startMs;
  }

  note(id: string, probability: number, nowMs: number): void {
    const heard = this.#heard.get(id) ?? this.#begin(id, nowMs);
    if (!heard) return;
    if (nowMs - heard.lastMs >= SILENT_MS) {
      heard.gaps++;
      heard.sinceMs = nowMs;
    }
    heard.lastMs = nowMs;
    if (Math.abs(nowMs - heard.secondMs) >= 1000) {
      heard.secondMs = nowMs;
      heard.probabilityBefore = heard.probability;
      heard.probability = 1;
    }
    if (probability < heard.probability) heard.probability = probability;
  }

  status(id: string, nowMs: number): SourceStatus {
    const heard = this.#heard.get(id);
    const { gaps = 0 } = heard ?? {};
    const common = { source: "samples", gaps, probability: 1 };
    if (!this.#isEnabled || !heard) {
      const reason = this.#isEnabled
        ? "no client has sent samples of it yet"
        : "sources.samples.enabled is false";
      return { ...common, state: "off", sinceMs: this.#startMs, reason };
    }
    if (nowMs - heard.lastMs >= SILENT_MS) {
      const reason = `no client has sent samples of it for ${SILENT_MS / 1000} s or more`;
      return { ...common, state: "down", sinceMs: heard.lastMs + SILENT_MS, reason };
    }
    const probability = Math.min(heard.probability, heard.probabilityBefore);
    return { ...common, state: "up", sinceMs: heard.sinceMs, probability, reason: null };
  }

  #begin(id: string, nowMs: number): Heard | null {
    if (this.#heard.size >= TARGETS_MAX) return null;
    const heard = {
      lastMs: nowMs,
      sinceMs: nowMs,
      gaps: 0,
      probability: 1,
      probabilityBefore: 1,
      secondMs: nowMs,
    };
    this.#heard.set(id, heard);
    return heard;
  }
}
