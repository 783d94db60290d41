import type { IncidentGroup } from "../../model/incident.ts";

/** A service that is told of incidents. A new one implements this and adds its line to `registry.ts`. */
export interface Receiver {
  readonly name: string;
  /**
   * Delivers one group. Resolves when the service accepted it. Throws `DeliveryError`, whose `retryable` decides.
   *
   * May be called for several groups at once. When `signal` aborts, nobody waits for it any longer.
   */
  deliver(group: IncidentGroup, signal: AbortSignal): Promise<void>;
  /** Lets go of connections. */
  close?(): Promise<void>;
}

/**
 * `REJECTED`: the service refuses this message. `UNREACHABLE`: nobody answered. `FAILED`: the service has an error.
 * `THROTTLED`: it asks to come later. `FORBIDDEN_ADDRESS`: we do not send there. `GONE`: it wants no messages any more.
 */
export type DeliveryErrorCode =
  | "REJECTED"
  | "UNREACHABLE"
  | "FAILED"
  | "THROTTLED"
  | "FORBIDDEN_ADDRESS"
  | "GONE";

export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly code: DeliveryErrorCode;
  readonly retryable: boolean;
  /** HTTP status of the answer, where there was one. */
  readonly status: number | null;
  /** How long the service asked us to stay away. */
  readonly retryAfterMs: number | null;

  constructor(
    code: DeliveryErrorCode,
    retryable: boolean,
    options: ErrorOptions & { readonly status?: number; readonly retryAfterMs?: number | null } = {},
  ) {
    const { status = null, retryAfterMs = null } = options;
    super(`delivery failed: ${code}${status === null ? "" : ` (HTTP ${status})`}`, options);
    this.code = code;
    this.retryable = retryable;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}
