import type { Clock } from "../runtime/clock.ts";
import { HostNames } from "../sources/discovery/host-names.ts";

/** Which hosts are this one; names are waited for. */
export class OwnHosts {
  readonly #names: HostNames;
  #news = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#names = new HostNames({ clock, onChange: () => this.#tell() });
  }

  async isLocal(host: string): Promise<boolean> {
    for (;;) {
      const { promise } = this.#news;
      const isLocal = this.#names.isLocal(host);
      if (isLocal !== null) return isLocal;
      await promise;
    }
  }

  #tell(): void {
    const { resolve } = this.#news;
    this.#news = Promise.withResolvers();
    resolve();
  }
}
