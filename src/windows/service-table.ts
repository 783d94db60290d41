import type { ServiceState, ServicesReport } from "../model/services.ts";

/** Reporters send each second; one that pauses for longer by habit is waited for twice as long. */
const USUAL_GAP_MS = 1500;
/** So much of a window may be missing before it is not known: where a second is more than that, less is waited for. */
const UNTOLD_SHARE = 0.1;
/** A service whose instances all said goodbye may just be redeployed. */
const GOODBYE_MS = 60_000;
/** A service of which nothing was heard for so long is gone. */
const GONE_MS = 3_600_000;
const SERVICES_MAX = 10_000;

type KnownService = Pick<ServiceState, "heardMs" | "saidGoodbye" | "returnedMs" | "gapMs">;

/** What a verdict is about, ms since 1970. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Which services report their accesses, and which have fallen silent: what they did meanwhile is not known. */
export class ServiceTable {
  /** By cluster and name. */
  readonly #services = new Map<string, KnownService>();
  readonly #sinceMs: number;
  #turnedAway = 0;

  /** `nowMs`: a service that is known of from before has not been heard since. */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Services beyond the limit, of which nothing is kept. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** Agents may hear of different instances of one service: whoever heard of it last is right. */
  add({ cluster, services }: ServicesReport, nowMs: number): void {
    if (this.#services.size >= SERVICES_MAX) this.#prune(nowMs);
    for (const { name, saidGoodbye, gapMs, ...state } of services) {
      // An agent's clock may be ahead.
      const heardMs = Math.min(state.heardMs, nowMs);
      const id = idOf(cluster, name);
      const known = this.#services.get(id);
      if (known && known.heardMs > heardMs) continue;
      if (!known && this.#services.size >= SERVICES_MAX) {
        this.#turnedAway++;
        continue;
      }
      // A pause at one agent is none where another has heard of the service meanwhile.
      const isSilence = known === undefined || state.returnedMs - known.heardMs > USUAL_GAP_MS;
      const returnedMs = isSilence ? Math.min(state.returnedMs, nowMs) : known.returnedMs;
      this.#services.set(id, { heardMs, saidGoodbye, returnedMs, gapMs });
    }
  }

  /**
   * The first of `names` (of services that reported once) that has not reported on all of `span`; `null`: there is none.
   *
   * A key that they used is not calm because they say nothing: they are awaited, a minute after a goodbye (they may be
   * redeployed), else for an hour.
   */
  awaited(cluster: string, names: Iterable<string>, { fromMs, toMs }: Span, nowMs: number): string | null {
    const untoldMs = UNTOLD_SHARE * (toMs - fromMs);
    for (const name of names) {
      const known = this.#services.get(idOf(cluster, name)) ?? this.#unheard();
      const { heardMs, saidGoodbye, returnedMs, gapMs } = known;
      // What happened up to a moment is told after it, by those that send seldom long after.
      const slackMs = gapMs > USUAL_GAP_MS ? 2 * gapMs : Math.min(USUAL_GAP_MS, untoldMs);
      const isAwaited = heardMs + slackMs < toMs && nowMs - heardMs <= (saidGoodbye ? GOODBYE_MS : GONE_MS);
      if (isAwaited || returnedMs > fromMs) return name;
    }
    return null;
  }

  /** An incident names users: proof enough that such a service was there. */
  #unheard(): KnownService {
    return { heardMs: this.#sinceMs, saidGoodbye: false, returnedMs: 0, gapMs: 0 };
  }

  #prune(nowMs: number): void {
    for (const [id, { heardMs }] of this.#services) {
      if (nowMs - heardMs > GONE_MS) this.#services.delete(id);
    }
  }
}

function idOf(cluster: string, name: string): string {
  return JSON.stringify([cluster, name]);
}
