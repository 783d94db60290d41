import type { Bytes, Commands } from "../commands.ts";
import type { Flight } from "../shared-flights.ts";
import type { MadeValue, MakeValue, Recompute, Recomputed } from "./recompute.ts";

/** Each process by itself. What its app has set or deleted meanwhile is not overwritten. */
export class ProcessRecompute implements Recompute {
  readonly #commands: Commands;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  async miss(key: Bytes, make: MakeValue, flight: Flight): Promise<Recomputed> {
    const made = await make();
    if (made === null) return { envelope: null, isStored: false };
    const isStored = flight.isCurrent();
    if (isStored) await this.set(key, made);
    return { envelope: made.envelope, isStored };
  }

  refresh(key: Bytes, make: MakeValue, _seenTtlMs: number, flight: Flight): Promise<Recomputed> {
    return this.miss(key, make, flight);
  }

  async set(key: Bytes, { envelope, ttlMs }: MadeValue): Promise<void> {
    await this.#commands.run("SET", key, envelope, "PX", ttlMs);
  }

  async delete(key: Bytes): Promise<boolean> {
    return (await this.#commands.run("DEL", key)) === 1;
  }

  close(): void {}
}
