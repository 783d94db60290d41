import type { Incident, IncidentGroup } from "../../model/incident.ts";

/** What a service said to a message that it took. */
export interface Receipt {
  /** HTTP status of its answer, where it gives one. */
  readonly status?: number;
}

/** A service that takes an incident for over when it is not told again how it is. */
export interface Repetition {
  /** How often it is told, in ms. */
  readonly everyMs: number;
  /** For how long after its end, in ms. */
  readonly resolvedForMs: number;
  /**
   * Tells how incidents are of which the service has heard: no message to people. Resolves when the service took it.
   * Throws `DeliveryError`; nothing is lost, since the next time comes soon. Never called twice at once.
   */
  repeat(incidents: readonly Incident[], signal: AbortSignal): Promise<void>;
}

/** A service that is told of incidents. A new one implements this and adds its line to `registry.ts`. */
export interface Receiver {
  readonly name: string;
  /** At least so long from the begin of one message to that of the next, where the service asks for it. */
  readonly minIntervalMs?: number;
  /**
   * Whether its service knows the incidents of one message as one, under `IncidentGroup.thread`: all messages then have
   * one, and each incident stays in its own.
   */
  readonly keepsThreads?: boolean;
  readonly repetition?: Repetition;
  /**
   * Delivers one group. Resolves when the service accepted it. Throws `DeliveryError`, whose `retryable` decides.
   *
   * May be called for several groups at once. When `signal` aborts, nobody waits for it any longer.
   */
  deliver(group: IncidentGroup, signal: AbortSignal): Promise<Receipt>;
  /** What is wrong though messages arrive, a line each. */
  problems?(): readonly string[];
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

/** Such answers (Slack's `no_service`) are codes and fit for logs. */
const CODE_WORD = /^[a-z_]{1,40}$/;

interface DeliveryErrorOptions extends ErrorOptions {
  readonly status?: number;
  readonly retryAfterMs?: number | null;
  readonly reason?: string;
}

export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly code: DeliveryErrorCode;
  readonly retryable: boolean;
  /** HTTP status of the answer, where there was one. */
  readonly status: number | null;
  /** How long the service asked us to stay away. */
  readonly retryAfterMs: number | null;
  /** Not among the properties that logs show: a service may echo what it was sent, with its secrets. */
  readonly #reason: string;

  constructor(code: DeliveryErrorCode, retryable: boolean, options: DeliveryErrorOptions = {}) {
    const { status = null, retryAfterMs = null, reason = "" } = options;
    const said = CODE_WORD.test(reason) ? `: ${reason}` : "";
    super(`delivery failed: ${code}${status === null ? "" : ` (HTTP ${status}${said})`}`, options);
    this.code = code;
    this.retryable = retryable;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.#reason = reason;
  }

  /** The beginning of what the service said, as it came; empty where it said nothing. */
  get reason(): string {
    return this.#reason;
  }
}
