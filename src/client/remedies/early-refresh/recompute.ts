import type { Bytes } from "../commands.ts";
import type { Flight } from "../shared-flights.ts";

/** What is to be stored: the envelope of a value. */
export interface MadeValue {
  readonly envelope: Buffer;
  readonly ttlMs: number;
}

export type MakeValue = () => Promise<MadeValue | null>;

/** `envelope: null`: there is nothing to cache. */
export interface Recomputed {
  readonly envelope: Buffer | null;
  readonly isStored: boolean;
}

/** Another process is at it, or has been. */
export const ELSEWHERE = "elsewhere";

export type Outcome = Recomputed | typeof ELSEWHERE;

/** How values are made and written: by each process, or by one process of the fleet. All throw the driver's errors. */
export interface Recompute {
  /** For a key without value; throws also what `make` throws, and the reason of the flight's signal. */
  miss(key: Bytes, make: MakeValue, flight: Flight): Promise<Recomputed>;
  /**
   * For a key whose value had `seenTtlMs` left when it was read; throws also what `make` throws, and the reason of the
   * flight's signal.
   */
  refresh(key: Bytes, make: MakeValue, seenTtlMs: number, flight: Flight): Promise<Outcome>;
  set(key: Bytes, value: MadeValue): Promise<void>;
  /** Returns: whether there was a value. */
  delete(key: Bytes): Promise<boolean>;
  close(): void;
}
