import { parseRetryAfter } from "../../runtime/retry-after.ts";
import { DeliveryError } from "./receiver.ts";

const REQUEST_TIMEOUT = 408;
const GONE = 410;
const TOO_EARLY = 425;
const TOO_MANY_REQUESTS = 429;
const SERVICE_UNAVAILABLE = 503;

/** 4xx that speak of the moment, not of the message. */
const PASSING = new Set([REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS]);

/** 2xx. */
export function isAccepted(status: number): boolean {
  return status >= 200 && status < 300;
}

/**
 * What any other HTTP answer makes of a delivery. `reason`: what the service said to it.
 *
 * A redirect is a failure that is retried and never followed: it would carry the message, with its key names, to
 * somewhere the operator did not write down.
 */
export function failureOf(
  status: number,
  retryAfter: string | undefined,
  nowMs: number,
  reason = "",
): DeliveryError {
  if (status === GONE) return new DeliveryError("GONE", false, { status, reason });
  const isPermanent = status >= 400 && status < 500 && !PASSING.has(status);
  if (isPermanent) return new DeliveryError("REJECTED", false, { status, reason });
  const isThrottled = status === TOO_MANY_REQUESTS || status === SERVICE_UNAVAILABLE;
  const retryAfterMs = parseRetryAfter(retryAfter, nowMs);
  return new DeliveryError(isThrottled ? "THROTTLED" : "FAILED", true, { status, retryAfterMs, reason });
}
