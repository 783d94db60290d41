import { randomUUID } from "node:crypto";
import { type Bytes, bytesOf, type Commands } from "../commands.ts";
import { FleetLock, type Made, type Stored } from "../fleet-lock/fleet-lock.ts";
import { FleetMiss } from "../fleet-lock/fleet-miss.ts";
import { LockNews } from "../fleet-lock/lock-news.ts";
import type { LockOptions } from "../fleet-lock/lock-options.ts";
import { subscriptionsOf } from "../fleet-lock/subscription.ts";
import type { Flight } from "../shared-flights.ts";
import type { Recomputed } from "./recompute.ts";
import { ELSEWHERE, type MadeValue, type MakeValue, type Outcome, type Recompute } from "./recompute.ts";

/** One process of the fleet, which holds the key's lock. What anybody has set or deleted meanwhile is not overwritten. */
export class FleetRecompute implements Recompute {
  readonly #lock: FleetLock;
  readonly #news: LockNews;
  readonly #miss: FleetMiss;

  constructor(redis: object, commands: Commands, { lockTtlMs, waitMs }: Required<LockOptions>) {
    this.#lock = new FleetLock(commands, lockTtlMs);
    this.#news = new LockNews(subscriptionsOf(redis));
    this.#miss = new FleetMiss({ lock: this.#lock, news: this.#news, waitMs });
  }

  async miss(key: Bytes, make: MakeValue, flight: Flight): Promise<Recomputed> {
    return recomputed(await this.#miss.get(key, () => toStore(make, true), flight.signal));
  }

  async refresh(key: Bytes, make: MakeValue, seenTtlMs: number, { signal }: Flight): Promise<Outcome> {
    const hold = await this.#lock.take(this.#lock.placeOf(key), randomUUID(), seenTtlMs);
    if (hold === null) return ELSEWHERE;
    if (signal.aborted) await this.#lock.free(hold);
    signal.throwIfAborted();
    return recomputed(await this.#lock.computeHolding(hold, () => toStore(make, false)));
  }

  async set(key: Bytes, { envelope, ttlMs }: MadeValue): Promise<void> {
    await this.#lock.override(this.#lock.placeOf(key), envelope, ttlMs);
  }

  async delete(key: Bytes): Promise<boolean> {
    return await this.#lock.delete(this.#lock.placeOf(key));
  }

  close(): void {
    this.#news.close();
  }
}

function recomputed({ value, isStored }: Stored): Recomputed {
  return { envelope: value === null ? null : bytesOf(value), isStored };
}

async function toStore(make: MakeValue, onlyNew: boolean): Promise<Made | null> {
  const made = await make();
  return made === null ? null : { value: made.envelope, ttlMs: made.ttlMs, onlyNew };
}
