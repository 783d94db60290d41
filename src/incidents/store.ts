import type { Incident } from "../model/incident.ts";

/** Where incidents and their notification logs outlive a restart. */
export interface IncidentStore {
  /** The open incidents, and of the resolved ones the latest `resolvedMax`, oldest first. */
  load(resolvedMax: number): readonly Incident[];
  /**
   * Writes all of `incidents`, or none. What was written survives a crash of the process and of the machine.
   * Throws: `StoreError`.
   */
  save(incidents: readonly Incident[]): void;
  /** Forgets what was resolved before `beforeMs`. Throws: `StoreError`. */
  prune(beforeMs: number): void;
  close(): void;
}

/** `UNWRITABLE`: the place; `LOCKED`: another process holds it; `FAILED`: one write. */
export type StoreErrorCode = "UNWRITABLE" | "LOCKED" | "FAILED";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;

  constructor(code: StoreErrorCode, message: string, options: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === "FAILED";
  }
}

/** Keeps nothing beyond the process: for an aggregator without a data directory. */
export function memoryStore(): IncidentStore {
  return {
    load: () => [],
    save: () => {},
    prune: () => {},
    close: () => {},
  };
}
