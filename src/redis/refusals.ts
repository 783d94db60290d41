import { refusalReason } from "./reply-problem.ts";

/** A refused command is tried again after so long: each try leaves a line in the server's ACL LOG. */
const RETRY_MS = 60_000;

interface Refusal {
  readonly reason: string;
  readonly untilMs: number;
}

/** Which commands the server has refused on this connection, and why: they are left alone for a while. */
export class Refusals {
  readonly #refused = new Map<string, Refusal>();
  readonly #username: string | undefined;

  constructor(username: string | undefined) {
    this.#username = username;
  }

  /** Whether `command` (as in an ACL: `config|get`) should be tried. `nowMs` is monotonic. */
  mayAsk(command: string, nowMs: number): boolean {
    const refusal = this.#refused.get(command);
    return refusal === undefined || nowMs >= refusal.untilMs;
  }

  /** Notes that the error `reply` came for `command`. */
  refuse(command: string, reply: string, nowMs: number): void {
    this.note(command, refusalReason(command, reply, this.#username), nowMs);
  }

  /** Notes why `command`, or a group of commands by a name of its own, is refused. */
  note(command: string, reason: string, nowMs: number): void {
    this.#refused.set(command, { reason, untilMs: nowMs + RETRY_MS });
  }

  allow(command: string): void {
    this.#refused.delete(command);
  }

  reasonOf(command: string): string | null {
    return this.#refused.get(command)?.reason ?? null;
  }

  reasons(): string[] {
    return [...this.#refused.values()].map(({ reason }) => reason);
  }
}
