import { backoffMs } from "../../../runtime/backoff.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { Pause } from "../../../runtime/pause.ts";
import { reasonOf } from "../../../runtime/reason.ts";
import { isAlike, type Pod } from "./pod.ts";
import type { PodQuery } from "./pod-query.ts";
import { ApiRefusal, isUnreadable, type PodEvent, type PodsApi } from "./pods-api.ts";

/** After so long the server is asked to end a watch, and another one goes on from there. */
const WATCH_SECONDS = 240;
/** A watch that has not ended so long after that hangs: nobody is at the other end. */
const WATCH_GRACE_MS = 15_000;
/** A watch that lived so long was a good one: what comes after it does not wait. */
const STEADY_MS = 5000;
const BACKOFF = { firstMs: 250, maxMs: 15_000 };
/** What was asked for lies too far back: all is to be listed anew. */
const GONE = 410;
/** Refused for now, or for who asks: what was asked for may do later. */
const REFUSED_FOR_NOW: readonly number[] = [401, 403, 429, 503];

export interface NamespacePodsOptions {
  readonly api: Pick<PodsApi, "list" | "watch">;
  readonly query: PodQuery;
  readonly podsMax: number;
  readonly clock: Clock;
  /** What is known has changed, pods or problem. */
  readonly onChange: () => void;
}

/** The pods of one namespace that a query means: listed once, then watched for as long as it runs. */
export class NamespacePods {
  readonly #options: NamespacePodsOptions;
  readonly #pause: Pause;
  readonly #stop = new AbortController();
  #pods = new Map<string, Pod>();
  /** Up to where changes are known; `null`: all is to be listed. */
  #resourceVersion: string | null = null;
  #isKnown = false;
  /** Some were left out, for there are too many. */
  #isCut = false;
  #problem: Error | null = null;
  /** For so long the server wants to be left alone after what it refused last. */
  #retryAfterMs = 0;

  constructor(options: NamespacePodsOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    void this.#follow();
  }

  get query(): PodQuery {
    return this.#options.query;
  }

  /** Whether they were ever listed. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** As of the last word of the API server. */
  get pods(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  /** Why changes are not heard of; `null`: they are. */
  get problem(): Error | null {
    return this.#problem;
  }

  stop(): void {
    this.#stop.abort();
    this.#pause.end();
  }

  async #follow(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startMs = clock.monotonic();
      this.#retryAfterMs = 0;
      try {
        if (this.#resourceVersion === null) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (!signal.aborted) this.#fail(error);
      }
      const hasLived = clock.monotonic() - startMs >= STEADY_MS;
      if (hasLived) attempt = 0;
      if (signal.aborted || (hasLived && this.#problem === null)) continue;
      await this.#pause.upTo(Math.max(this.#retryAfterMs, backoffMs(attempt, BACKOFF)));
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, query, podsMax } = this.#options;
    const { pods, resourceVersion, isCut } = await api.list(query, podsMax, signal);
    this.#pods = new Map(pods.map((pod) => [pod.uid, pod]));
    this.#resourceVersion = resourceVersion;
    this.#isKnown = true;
    this.#isCut = isCut;
    // A problem ends when the watch begins: where lists alone succeed, it would come and go.
    this.#options.onChange();
  }

  /** Until the server ends it, or there is room for pods that were left out. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { api, query, podsMax, clock } = this.#options;
    const hung = new AbortController();
    const cancel = clock.after(WATCH_SECONDS * 1000 + WATCH_GRACE_MS, () => hung.abort());
    const from = { resourceVersion: this.#resourceVersion ?? "", seconds: WATCH_SECONDS };
    const either = AbortSignal.any([signal, hung.signal]);
    try {
      for await (const event of api.watch(query, from, either, () => this.#heal())) {
        this.#take(event);
        if (this.#isCut && this.#pods.size < podsMax) {
          this.#resourceVersion = null;
          return;
        }
      }
    } finally {
      cancel();
    }
  }

  #take(event: PodEvent): void {
    if (event.type === "bookmark") {
      this.#resourceVersion = event.resourceVersion;
      return;
    }
    const { pod, type } = event;
    const known = this.#pods.get(pod.uid);
    this.#resourceVersion = pod.resourceVersion ?? this.#resourceVersion;
    if (type === "deleted") this.#pods.delete(pod.uid);
    else if (known || this.#pods.size < this.#options.podsMax) this.#pods.set(pod.uid, pod);
    else this.#isCut = true;
    const isSame = type === "put" && known !== undefined && isAlike(known, pod);
    if (!isSame) this.#options.onChange();
  }

  #heal(): void {
    this.#problem = null;
    this.#options.onChange();
  }

  #fail(error: unknown): void {
    const refusal = error instanceof ApiRefusal ? error : null;
    const isWatchGone = refusal?.status === GONE && this.#resourceVersion !== null;
    const isFinal = refusal !== null && !REFUSED_FOR_NOW.includes(refusal.status);
    // Whatever it was that could not be understood or had, a list begins anew.
    if (isFinal || !(error instanceof Error) || isUnreadable(error)) this.#resourceVersion = null;
    this.#retryAfterMs = refusal?.retryAfterMs ?? 0;
    // That it lies too far back is no trouble, unless the list fails as well.
    if (isWatchGone) return;
    this.#problem = error instanceof Error ? error : new Error(reasonOf(error));
    this.#options.onChange();
  }
}
