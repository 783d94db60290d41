/** What stands between the agent and a target. */
export type ProblemCode =
  | "UNREACHABLE"
  | "TIMEOUT"
  | "CLOSED"
  | "AUTH"
  | "NOPERM"
  | "TLS"
  | "LOADING"
  | "BUSY"
  | "MASTERDOWN"
  | "DENIED"
  | "FULL"
  | "PROTOCOL"
  | "REFUSED";

/** One clear line, without secrets, that says what is wrong and what to do. */
export interface TargetProblem {
  readonly code: ProblemCode;
  readonly message: string;
  /** Whether it may go away without anybody changing the agent's config or the server's. */
  readonly retryable: boolean;
}

/** A call to a target that failed. It has no cause on purpose: errors of clients carry the arguments of AUTH. */
export class TargetError extends Error {
  override readonly name = "TargetError";
  readonly code: ProblemCode;
  readonly retryable: boolean;

  constructor({ code, message, retryable }: TargetProblem) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }

  get problem(): TargetProblem {
    return { code: this.code, message: this.message, retryable: this.retryable };
  }
}

/** Waits between attempts grow to this, in ms. What only an operator can change is asked less often. */
export function retryMaxMs(code: ProblemCode): number {
  if (code === "LOADING" || code === "BUSY") return 1000;
  return code === "AUTH" || code === "NOPERM" || code === "DENIED" ? 30_000 : 5000;
}
