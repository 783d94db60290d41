import type { ServicesReport } from "../model/services.ts";

/** Reporters send each second: a longer gap is a silence, unless the service always sends so seldom. */
const GAP_MS = 1500;
/** A service whose instances all said goodbye may just be redeployed. */
const GOODBYE_MS = 60_000;
/** A service of which nothing was heard for so long is gone. */
const GONE_MS = 3_600_000;
const SERVICES_MAX = 10_000;

interface KnownService {
  readonly heardMs: number;
  readonly saidGoodbye: boolean;
  /** When it was last heard again after a silence; 0: it never was silent. */
  readonly returnedMs: number;
  /** Between the last two times that it was heard. */
  readonly gapMs: number;
}

/** What a verdict is about, ms since 1970. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Which services report their accesses, and which have fallen silent: what they did meanwhile is not known. */
export class ServiceTable {
  /** By cluster and name. */
  readonly #services = new Map<string, KnownService>();
  #turnedAway = 0;

  /** Services beyond the limit, of which nothing is kept. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** Agents may hear of different instances of one service: whoever heard of it last is right. */
  add({ cluster, services, atMs }: ServicesReport): void {
    if (this.#services.size >= SERVICES_MAX) this.#prune(atMs);
    for (const { name, heardMs, saidGoodbye } of services) {
      const id = idOf(cluster, name);
      const known = this.#services.get(id);
      if (known && known.heardMs > heardMs) continue;
      if (!known && this.#services.size >= SERVICES_MAX) {
        this.#turnedAway++;
        continue;
      }
      this.#services.set(id, { heardMs, saidGoodbye, ...gapOf(known, heardMs) });
    }
  }

  /**
   * The first of `names` that reported once, but not on all of `span`; `null`: there is none.
   *
   * A key that they used is not calm because they say nothing: they are awaited, a minute after a goodbye (they may be
   * redeployed), else for an hour.
   */
  awaited(cluster: string, names: Iterable<string>, { fromMs, toMs }: Span, nowMs: number): string | null {
    for (const name of names) {
      const known = this.#services.get(idOf(cluster, name));
      if (!known) continue;
      const { heardMs, saidGoodbye, returnedMs, gapMs } = known;
      // What happened up to a moment is told after it, by those that send seldom long after.
      const toldToMs = heardMs + (gapMs > GAP_MS ? 2 * gapMs : 0);
      const isAwaited = toldToMs < toMs && nowMs - heardMs <= (saidGoodbye ? GOODBYE_MS : GONE_MS);
      if (isAwaited || returnedMs > fromMs) return name;
    }
    return null;
  }

  #prune(nowMs: number): void {
    for (const [id, { heardMs }] of this.#services) {
      if (nowMs - heardMs > GONE_MS) this.#services.delete(id);
    }
  }
}

function gapOf(known: KnownService | undefined, heardMs: number) {
  if (known === undefined || heardMs <= known.heardMs)
    return { returnedMs: known?.returnedMs ?? 0, gapMs: known?.gapMs ?? 0 };
  const gapMs = heardMs - known.heardMs;
  const isSilence = gapMs > Math.max(GAP_MS, 2 * known.gapMs);
  return { returnedMs: isSilence ? heardMs : known.returnedMs, gapMs };
}

function idOf(cluster: string, name: string): string {
  return JSON.stringify([cluster, name]);
}
