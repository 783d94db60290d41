/** `info`: neither good nor bad, but good to know. */
export type FindingStatus = "ok" | "info" | "warn" | "fail";

/** One thing that was looked at. Nothing in it is secret. */
export interface Finding {
  /** `target 10.0.0.1:6379`, `kafka`, `receiver ops`. */
  readonly subject: string;
  /** What of it: `reachable`, `rights`, `flags`. */
  readonly check: string;
  readonly status: FindingStatus;
  /** What was found, one line. */
  readonly message: string;
  /** The line that mends it; `null`: there is none, or nothing is to be mended. */
  readonly run: string | null;
}

/** Findings about one subject. */
export class Findings {
  readonly #subject: string;
  readonly all: Finding[] = [];

  constructor(subject: string) {
    this.#subject = subject;
  }

  ok(check: string, message: string): void {
    this.#add("ok", check, message, null);
  }

  info(check: string, message: string): void {
    this.#add("info", check, message, null);
  }

  warn(check: string, message: string, run: string | null = null): void {
    this.#add("warn", check, message, run);
  }

  fail(check: string, message: string, run: string | null = null): void {
    this.#add("fail", check, message, run);
  }

  /** A reason with its line in it: `MESSAGE; run: LINE`. */
  explained(status: "warn" | "fail", check: string, reason: string): void {
    const { message, run } = withoutLine(reason);
    this.#add(status, check, message, run);
  }

  #add(status: FindingStatus, check: string, message: string, run: string | null): void {
    this.all.push({ subject: this.#subject, check, status, message, run });
  }
}

const RUN = /; (?:or )?run: (.+?)(?: (\(or .*\)))?$/;

function withoutLine(reason: string): { readonly message: string; readonly run: string | null } {
  const [whole, line = null, otherwise] = RUN.exec(reason) ?? [];
  if (whole === undefined) return { message: reason, run: null };
  const message = reason.slice(0, reason.length - whole.length);
  return { message: otherwise === undefined ? message : `${message} ${otherwise}`, run: line };
}
