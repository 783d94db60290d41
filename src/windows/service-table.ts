import type { ServicesReport } from "../model/services.ts";

/** A service is silent when no batch of it came for so long: reporters send one each second. */
const SILENT_MS = 3000;
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
      const wasSilent = known !== undefined && heardMs - known.heardMs > SILENT_MS;
      const returnedMs = wasSilent ? heardMs : (known?.returnedMs ?? 0);
      this.#services.set(id, { heardMs, saidGoodbye, returnedMs });
    }
  }

  /**
   * The first of `names` that reported once and was silent in the time since `sinceMs`, or is so now; `null`: none.
   *
   * A key that they used is not calm because they say nothing: they are awaited, a minute after a goodbye (they may be
   * redeployed), else for an hour.
   */
  awaited(cluster: string, names: Iterable<string>, sinceMs: number, nowMs: number): string | null {
    for (const name of names) {
      const known = this.#services.get(idOf(cluster, name));
      if (!known) continue;
      const silentMs = nowMs - known.heardMs;
      const awaitedMs = known.saidGoodbye ? GOODBYE_MS : GONE_MS;
      const isAwaited = silentMs > SILENT_MS && silentMs <= awaitedMs;
      if (isAwaited || known.returnedMs > sinceMs) return name;
    }
    return null;
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
