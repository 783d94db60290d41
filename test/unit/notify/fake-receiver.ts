import type { Incident, IncidentGroup } from "../../../src/model/incident.ts";
import {
  DeliveryError,
  type Receipt,
  type Receiver,
  type Repetition,
} from "../../../src/notify/receivers/receiver.ts";
import type { Clock } from "../../../src/runtime/clock.ts";

export interface Attempt {
  readonly atMs: number;
  readonly group: IncidentGroup;
}

/** What a fake receiver does with an attempt: takes it, never answers, or throws. */
export type Answer = "take" | "hang" | DeliveryError;

export const brokenDown = new DeliveryError("FAILED", true, { status: 500 });
export const refusal = new DeliveryError("REJECTED", false, { status: 400 });

/** Remembers every attempt, and answers as `answer` says; takes everything at first. */
export class FakeReceiver implements Receiver {
  readonly name: string;
  readonly attempts: Attempt[] = [];
  readonly taken: Attempt[] = [];
  answer: (group: IncidentGroup, attempt: number) => Answer = () => "take";
  isClosed = false;
  problems: () => readonly string[] = () => [];
  readonly minIntervalMs: number;
  readonly #clock: Clock;

  constructor(name: string, clock: Clock, { minIntervalMs = 0 } = {}) {
    this.name = name;
    this.#clock = clock;
    this.minIntervalMs = minIntervalMs;
  }

  async deliver(group: IncidentGroup): Promise<Receipt> {
    const attempt = { atMs: this.#clock.now(), group };
    this.attempts.push(attempt);
    const answer = this.answer(group, this.attempts.length);
    if (answer === "hang") return new Promise(() => {});
    if (answer !== "take") throw answer;
    this.taken.push(attempt);
    return {};
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** One whose service keeps threads. */
export class ThreadedReceiver extends FakeReceiver {
  readonly keepsThreads = true;
}

export interface Round {
  readonly atMs: number;
  readonly incidents: readonly Incident[];
}

/** One that is told each 30 s how incidents are, and of their ends for 5 minutes. */
export class RepeatedReceiver extends FakeReceiver {
  /** What it was told again. */
  readonly rounds: Round[] = [];
  repeatAnswer: Answer = "take";
  readonly repetition: Repetition;

  constructor(name: string, clock: Clock) {
    super(name, clock);
    this.repetition = {
      everyMs: 30_000,
      resolvedForMs: 300_000,
      repeat: async (incidents) => {
        this.rounds.push({ atMs: clock.now(), incidents });
        if (this.repeatAnswer === "hang") return new Promise(() => {});
        if (this.repeatAnswer !== "take") throw this.repeatAnswer;
      },
    };
  }
}
