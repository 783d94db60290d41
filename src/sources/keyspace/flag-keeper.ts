import { TargetError } from "../../redis/problem.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { explainFlags } from "./advice.ts";
import type { EventDialect } from "./event-table.ts";
import { type EventForm, judgeFlags, withWanted } from "./flags.ts";

/** A refused CONFIG SET is tried again after so long: each try leaves a line in the server's ACL LOG. */
const SET_REFUSED_MS = 60_000;

/** What the flags need of the target's control connection. */
export interface FlagControl {
  /** `null`: CONFIG cannot be read. */
  notificationFlags(): Promise<string | null>;
  /** Throws: `TargetError`, with the line to run. */
  setNotificationFlags(flags: string): Promise<void>;
}

/** What was found, after what could be done about it. `wereMissing`: until just now the server published too little. */
export type FlagsFound =
  | { readonly kind: "unreadable" }
  | { readonly kind: "ok"; readonly seesMisses: boolean; readonly wereMissing: boolean }
  | { readonly kind: "missing"; readonly reason: string };

export interface FlagKeeperOptions {
  readonly address: string;
  readonly configure: "verify" | "ensure";
  readonly control: FlagControl;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Looks at the notification flags of one target; `ensure` adds what is missing. Flags are never removed. */
export class FlagKeeper {
  readonly #options: FlagKeeperOptions;
  /** Why the missing flags could not be added, and until when (monotonic) that is not tried again. */
  #refusal: { readonly message: string; readonly untilMs: number } | null = null;

  constructor(options: FlagKeeperOptions) {
    this.#options = options;
  }

  /** Throws: `TargetError`, where the target does not answer. */
  async look(form: EventForm, role: "primary" | "replica", dialect: EventDialect): Promise<FlagsFound> {
    const { control, configure } = this.#options;
    const flags = await control.notificationFlags();
    if (flags === null) return { kind: "unreadable" };
    const verdict = judgeFlags(flags, form, role, dialect);
    const wereMissing = verdict.kind === "missing";
    const wanted = withWanted(flags, form, role, dialect);
    const isToBeSet = configure === "ensure" && wanted !== flags;
    if (isToBeSet && (await this.#add(flags, wanted))) return { kind: "ok", seesMisses: true, wereMissing };
    if (verdict.kind === "ok") return { kind: "ok", seesMisses: verdict.seesMisses, wereMissing };
    const refusal = isToBeSet ? this.#refusal : null;
    return {
      kind: "missing",
      reason: refusal?.message ?? explainFlags(flags, verdict.missing, verdict.wanted),
    };
  }

  /** Whether the flags were added. What only an operator can change is tried again rarely. */
  async #add(from: string, to: string): Promise<boolean> {
    const { control, address, clock, logger } = this.#options;
    const nowMs = clock.monotonic();
    if (this.#refusal && nowMs < this.#refusal.untilMs) return false;
    this.#refusal = null;
    try {
      await control.setNotificationFlags(to);
    } catch (err) {
      if (!(err instanceof TargetError) || err.retryable) throw err;
      this.#refusal = { message: err.message, untilMs: nowMs + SET_REFUSED_MS };
      return false;
    }
    logger.info({ target: address, from, to }, "notification flags added");
    return true;
  }
}
