import type { ServicesReport } from "../model/services.ts";

/** A service is silent when no batch of it came for so long: reporters send one each second. */
const SILENT_MS = 3000;
/** A service whose instances all said goodbye may just be redeployed. */
const GOODBYE_MS = 60_000;
/** A service of which nothing was heard for so long is gone. */
const GONE_MS = 3_600_000;
const SERVICES_MAX = 10_000;

interface KnownService {
  heardMs: number;
  saidGoodbye: boolean;
}

/** Which services report their accesses, and which have fallen silent: what they did meanwhile is not known. */
export class ServiceTable {
  /** By cluster and name, the one heard last at the end. */
  readonly #services = new Map<string, KnownService>();
  #turnedAway = 0;

  /** Services beyond the limit, of which nothing is kept. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** Agents may hear of different instances of one service: whoever heard of it last is right. */
  add({ cluster, services }: ServicesReport): void {
    for (const { name, heardMs, saidGoodbye } of services) {
      const id = idOf(cluster, name);
      const known = this.#services.get(id);
      if (known && known.heardMs > heardMs) continue;
      if (!known && this.#services.size >= SERVICES_MAX) {
        this.#turnedAway++;
        continue;
      }
      this.#services.delete(id);
      this.#services.set(id, { heardMs, saidGoodbye });
    }
  }

  /**
   * The first of `names` that reported once, and is silent without having ended; `null`: there is none.
   *
   * A key that they used is not calm because they say nothing: they are awaited, a minute after a goodbye (they may be
   * redeployed), else for an hour.
   */
  awaited(cluster: string, names: Iterable<string>, nowMs: number): string | null {
    for (const name of names) {
      const known = this.#services.get(idOf(cluster, name));
      if (!known) continue;
      const silentMs = nowMs - known.heardMs;
      const awaitedMs = known.saidGoodbye ? GOODBYE_MS : GONE_MS;
      if (silentMs > SILENT_MS && silentMs <= awaitedMs) return name;
    }
    return null;
  }

  /** Forgets what is gone. */
  prune(nowMs: number): void {
    for (const [id, { heardMs }] of this.#services) {
      if (nowMs - heardMs > GONE_MS) this.#services.delete(id);
    }
  }
}

function idOf(cluster: string, name: string): string {
  return JSON.stringify([cluster, name]);
}
