import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { type ApiConfig, knownClusters } from "./api.ts";
import { coverageJson } from "./coverage-json.ts";
import type { History } from "./history.ts";
import { hotKeysJson } from "./hotkeys-json.ts";
import { eventOf, type Stream } from "./stream.ts";
import { defaultWindowMs, shownIncident, type Views } from "./views.ts";

const PERIOD_MS = 1_000;
const PERIODS_PER_HEARTBEAT = 15;
/** The shortest window has 10 s: what is hottest in it does not change in an instant. */
const PERIODS_PER_RECORD = 3;
const STREAMED_KEYS = 50;
const RECORDED_KEYS = 100;

export interface PulseParts {
  readonly config: ApiConfig;
  readonly views: Views;
  readonly history: History;
  readonly stream: Stream;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Once a second hot keys and coverage to the stream, and every few seconds the hottest keys into the history. */
export class Pulse {
  readonly #parts: PulseParts;
  readonly #stopIncidents: () => void;
  #cancel: () => void = () => {};
  #periods = 0;
  #isStopped = false;
  #isFailing = false;

  constructor(parts: PulseParts) {
    this.#parts = parts;
    this.#stopIncidents = parts.views.onIncident((incident) => {
      if (parts.stream.size === 0) return;
      this.#guarded(() => parts.stream.send(eventOf("incident", shownIncident(parts.views, incident))));
    });
    this.#schedule();
  }

  /** What a new listener gets at once. */
  firstEvents(cluster: string): Buffer[] {
    return [this.#hotKeysEvent(cluster), this.#coverageEvent()];
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#stopIncidents();
  }

  #schedule(): void {
    this.#cancel = this.#parts.clock.after(PERIOD_MS, () => {
      this.#guarded(() => this.#beat());
      if (!this.#isStopped) this.#schedule();
    });
  }

  #beat(): void {
    const { stream } = this.#parts;
    this.#periods++;
    if (this.#periods % PERIODS_PER_RECORD === 1) this.#record();
    if (this.#periods % PERIODS_PER_HEARTBEAT === 0) stream.heartbeat();
    for (const cluster of stream.clusters()) stream.send(this.#hotKeysEvent(cluster), cluster);
    if (stream.size > 0) stream.send(this.#coverageEvent());
  }

  #record(): void {
    const { config, views, history } = this.#parts;
    const windowMs = defaultWindowMs(views.windowsMs);
    for (const cluster of knownClusters(config, views)) {
      const { asOfMs, heats } = views.hotkeys(cluster, windowMs, RECORDED_KEYS);
      history.record(cluster, heats, asOfMs);
    }
  }

  #hotKeysEvent(cluster: string): Buffer {
    const { views, clock } = this.#parts;
    const windowMs = defaultWindowMs(views.windowsMs);
    const hotKeys = views.hotkeys(cluster, windowMs, STREAMED_KEYS);
    return eventOf("hotkeys", hotKeysJson(cluster, windowMs, hotKeys, clock.now()));
  }

  #coverageEvent(): Buffer {
    const { views, clock } = this.#parts;
    return eventOf("coverage", coverageJson(views.coverage(), clock.now()));
  }

  /** A view that throws must harm neither the timer nor whoever changed an incident. */
  #guarded(work: () => void): void {
    const { logger } = this.#parts;
    try {
      work();
      if (this.#isFailing) logger.info("stream and history work again");
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) logger.error({ err: error }, "stream and history fail");
      this.#isFailing = true;
    }
  }
}
