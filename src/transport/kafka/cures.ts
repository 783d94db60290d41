import { createRequire } from "node:module";

const VERSION = "2.2.4";
const QUEUE = "kafkajs/src/network/requestQueue/index.js";
/** A request that is never answered is noticed so much later at most. */
const TIMEOUT_CHECK_MS = 1000;

/** The parts of kafkajs's queue of requests (one a connection) that are looked at here. */
interface RequestQueue {
  readonly enforceRequestTimeout: boolean;
  readonly inflight: ReadonlyMap<number, InflightRequest>;
  readonly pending: readonly unknown[];
  readonly isConnected: () => boolean;
  requestTimeoutIntervalId?: NodeJS.Timeout;
  destroy(): void;
  scheduleCheckPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
}

interface InflightRequest {
  readonly sentAt: number;
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

let isCured = false;

/**
 * Stops what costs kafkajs CPU time on idle connections; the same for all clients of this process, once.
 *
 * Its queue re-arms a timer of 1 ms for ever, also when nothing is pending (3.3% of a core), and looks for requests that
 * timed out ten times a second. Throws: Error where kafkajs is not the version whose inside is known here.
 */
export function applyCures(): void {
  if (isCured) return;
  const queue = requestQueueOf(createRequire(import.meta.url));
  const scheduleCheck = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) scheduleCheck.call(this);
  };
  queue.scheduleRequestTimeoutCheck = scheduleTimeoutCheck;
  isCured = true;
}

function requestQueueOf(require: NodeJS.Require): RequestQueue {
  const { version }: { version?: unknown } = require("kafkajs/package.json");
  if (version !== VERSION) throw new Error(`kafkajs is ${String(version)}, its cures are for ${VERSION}`);
  const queueClass: { prototype?: Partial<RequestQueue> } = require(QUEUE);
  const queue = queueClass.prototype;
  for (const method of ["scheduleCheckPendingRequests", "scheduleRequestTimeoutCheck", "destroy"] as const) {
    if (typeof queue?.[method] !== "function") throw new Error(`kafkajs has no RequestQueue.${method}`);
  }
  return queue as RequestQueue;
}

/** As kafkajs does it, but once a second. */
function scheduleTimeoutCheck(this: RequestQueue): void {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  this.requestTimeoutIntervalId = setInterval(() => {
    const nowMs = Date.now();
    for (const request of [...this.inflight.values()]) {
      if (nowMs - request.sentAt > request.requestTimeout) request.timeoutRequest();
    }
    if (!this.isConnected()) this.destroy();
  }, TIMEOUT_CHECK_MS);
}
