import type { Incident, IncidentGroup } from "../model/incident.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { eventOf, messageId, type Notice, type NoticeEvent } from "./notice.ts";
import { DeliveryError, type Receiver } from "./receivers/receiver.ts";
import { Spacing } from "./spacing.ts";

export const ATTEMPT_TIMEOUT_MS = 10_000;
const BACKOFF = { firstMs: 200, maxMs: 60_000 };
/** A service that asks for more is tried again all the same. */
export const RETRY_AFTER_MAX_MS = 600_000;
/** Messages to one receiver that wait, at most. */
const QUEUED_MAX = 1000;
/** What may not be told now is looked at again so soon. */
const HELD_MS = 500;
/** A message that hangs does not hold up the next. */
const ATTEMPTS_AT_ONCE = 4;

/** What becomes of notices; each call says so for all of `notices` at once. */
export interface DeliveryEvents {
  /** The incidents of a message as they are now, in the order of its notices. */
  compose(notices: readonly Notice[]): IncidentGroup["incidents"];
  /** The thread that they all go to, where the receiver keeps threads. */
  threadOf(notices: readonly Notice[]): Pick<IncidentGroup, "thread">;
  /** What a message of these incidents says of others that are folded into them. */
  folded(incidents: readonly Incident[]): Pick<IncidentGroup, "folded" | "foldedMore">;
  delivered(notices: readonly Notice[]): void;
  /** Refused for good. */
  failed(notices: readonly Notice[]): void;
  /** An attempt failed; there will be another. The owner may set notices `over` that are no longer true. */
  postponed(notices: readonly Notice[]): void;
  /** Whether the receiver may be told of a cluster's incidents now. */
  mayTell(cluster: string): boolean;
}

interface Message {
  readonly id: string;
  readonly event: NoticeEvent;
  readonly cluster: string;
  readonly atMs: number;
  readonly notices: readonly Notice[];
  attempts: number;
}

type Health = { readonly state: "ok" | "failing" | "disabled"; readonly reason: string | null };

/**
 * Takes messages to one receiver: each is tried until it is accepted, refused for good, or no longer true.
 *
 * The id of a message and its time stay the same over attempts; its incidents are shown as they are at each.
 */
export class Delivery {
  readonly #receiver: Receiver;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: DeliveryEvents;
  readonly #ready: Message[] = [];
  /** Messages between two attempts, with what cancels their wait. */
  readonly #resting = new Map<Message, () => void>();
  readonly #attempts = new Map<Promise<void>, AbortController>();
  readonly #spacing: Spacing;
  readonly #counts = { delivered: 0, failed: 0, retried: 0 };
  #health: Health = { state: "ok", reason: null };
  #pausedUntilMs = 0;
  #cancelPause: () => void = () => {};
  #isClosing = false;

  constructor(
    receiver: Receiver,
    { clock, logger, events }: { clock: Clock; logger: Logger; events: DeliveryEvents },
  ) {
    this.#receiver = receiver;
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
    this.#spacing = new Spacing(receiver.minIntervalMs ?? 0, clock, () => this.#pump());
  }

  get health(): Health {
    return this.#health;
  }

  /** Messages by what became of them; `retried` counts attempts. */
  get counts(): Readonly<Record<"delivered" | "failed" | "retried", number>> {
    return this.#counts;
  }

  /** Takes notices as one message; `false` where too many wait already. */
  accept(notices: readonly Notice[]): boolean {
    const [first] = notices;
    if (first === undefined) return true;
    if (this.#ready.length + this.#resting.size >= QUEUED_MAX) return false;
    this.#ready.push({
      id: messageId(notices),
      event: eventOf(first.cause),
      cluster: first.cluster,
      atMs: this.#clock.now(),
      notices,
      attempts: 0,
    });
    this.#pump();
    return true;
  }

  /** Waits at most `deadlineMs` for what has not been tried and what is being tried; the rest is given up. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    for (const cancel of this.#resting.values()) cancel();
    this.#resting.clear();
    await this.#drained(deadlineMs);
    this.#cancelPause();
    this.#spacing.close();
    this.#ready.length = 0;
    for (const controller of this.#attempts.values()) controller.abort();
    await Promise.all(this.#attempts.keys());
    await this.#receiver.close?.();
  }

  async #drained(deadlineMs: number): Promise<void> {
    let cancel = () => {};
    const deadline = new Promise<"late">((resolve) => {
      cancel = this.#clock.after(deadlineMs, () => resolve("late"));
    });
    for (;;) {
      const awaited = [...this.#attempts.keys(), ...this.#nextInLine()];
      if (awaited.length === 0) break;
      const outcome = await Promise.race([deadline, ...awaited]);
      if (outcome === "late") break;
    }
    cancel();
  }

  /** What lets the next message begin, where only the distance to the one before holds it up. */
  #nextInLine(): Promise<void>[] {
    const { freed } = this.#spacing;
    return freed === null || this.#ready.length === 0 || this.#isPaused() ? [] : [freed];
  }

  #isPaused(): boolean {
    return this.#clock.monotonic() < this.#pausedUntilMs;
  }

  #pump(): void {
    if (this.#isPaused()) return;
    while (this.#attempts.size < ATTEMPTS_AT_ONCE && this.#spacing.freed === null) {
      const message = this.#ready.shift();
      if (message === undefined) return;
      const controller = new AbortController();
      const attempt = this.#attempt(message, controller).finally(() => {
        this.#attempts.delete(attempt);
        this.#pump();
      });
      this.#attempts.set(attempt, controller);
    }
  }

  async #attempt(message: Message, controller: AbortController): Promise<void> {
    const notices = message.notices.filter(({ state }) => state !== "over");
    if (notices.length === 0) return;
    if (!this.#events.mayTell(message.cluster)) {
      // At the end it is left to whoever may: it is owed still.
      if (!this.#isClosing) this.#rest(message, HELD_MS);
      return;
    }
    for (const notice of notices) notice.state = "sending";
    try {
      if (this.#health.state === "disabled") throw new DeliveryError("GONE", false);
      await this.#send(message, notices, controller);
    } catch (error) {
      this.#fail(message, notices, asDeliveryError(error));
      return;
    }
    this.#counts.delivered++;
    this.#recover();
    this.#events.delivered(notices);
  }

  async #send(message: Message, notices: readonly Notice[], controller: AbortController): Promise<void> {
    const { id, event, cluster, atMs } = message;
    const incidents = this.#events.compose(notices);
    const { signal } = controller;
    this.#spacing.begin();
    const cancelTimeout = this.#clock.after(ATTEMPT_TIMEOUT_MS, () => controller.abort());
    // A receiver that ignores the signal is not waited for either.
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () =>
        reject(new DeliveryError("UNREACHABLE", true, { cause: signal.reason })),
      );
    });
    try {
      const extras = { ...this.#events.threadOf(notices), ...this.#events.folded(incidents) };
      const group = { id, event, cluster, atMs, incidents, more: 0, ...extras };
      const delivery = this.#receiver.deliver(group, signal);
      await Promise.race([delivery, aborted]);
    } finally {
      cancelTimeout();
    }
  }

  #fail(message: Message, notices: readonly Notice[], error: DeliveryError): void {
    if (!error.retryable) {
      this.#counts.failed++;
      this.#refuse(message, error);
      this.#events.failed(notices);
      return;
    }
    for (const notice of notices) notice.state = "waiting";
    this.#counts.retried++;
    this.#suffer(error);
    this.#events.postponed(notices);
    if (this.#isClosing) return;
    const askedMs = Math.min(error.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
    if (askedMs > 0) this.#pause(askedMs);
    this.#rest(message, Math.max(askedMs, backoffMs(message.attempts++, BACKOFF)));
  }

  #rest(message: Message, delayMs: number): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#resting.delete(message);
      this.#ready.push(message);
      this.#pump();
    });
    this.#resting.set(message, cancel);
  }

  /** `Retry-After` speaks of the service, so all of its messages stay away. */
  #pause(delayMs: number): void {
    const untilMs = this.#clock.monotonic() + delayMs;
    if (untilMs <= this.#pausedUntilMs) return;
    this.#pausedUntilMs = untilMs;
    this.#cancelPause();
    this.#cancelPause = this.#clock.after(delayMs, () => {
      this.#pausedUntilMs = 0;
      this.#pump();
    });
  }

  #recover(): void {
    if (this.#health.state !== "failing") return;
    this.#health = { state: "ok", reason: null };
    this.#logger.info({ receiver: this.#receiver.name }, "receiver takes notifications again");
  }

  #suffer(error: DeliveryError): void {
    if (this.#health.state === "ok" && !this.#isClosing) {
      this.#logger.warn(
        { receiver: this.#receiver.name, err: error },
        "receiver fails, notifications are retried",
      );
    }
    if (this.#health.state !== "disabled") this.#health = { state: "failing", reason: error.message };
  }

  #refuse(message: Message, error: DeliveryError): void {
    const isNews = this.#health.state !== "disabled";
    if (error.code === "GONE") {
      this.#health = { state: "disabled", reason: "it answered 410 Gone: disabled until restart" };
      if (isNews) {
        this.#logger.error(
          { receiver: this.#receiver.name },
          "receiver is gone (410), disabled until restart",
        );
      }
      return;
    }
    this.#logger.error(
      { receiver: this.#receiver.name, message: message.id, incidents: message.notices.length, err: error },
      "receiver refuses a notification, it is not retried",
    );
  }
}

/** A receiver with a bug is one that fails, not one that ends the process. */
function asDeliveryError(error: unknown): DeliveryError {
  return error instanceof DeliveryError ? error : new DeliveryError("FAILED", true, { cause: error });
}
