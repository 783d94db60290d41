import { refusalReason } from "./reply-problem.ts";
import type { CommandLine, Session } from "./session.ts";

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

/** A command with the right that it needs, as in an ACL: `config|get`. */
export type RightedLine = readonly [right: string, line: CommandLine];

/**
 * Values in the order of `lines`; `undefined` for those that were refused, now or lately. `nowMs` is monotonic.
 *
 * Throws: `TargetError`.
 */
export async function askAllowed(
  session: Session,
  refusals: Refusals,
  lines: readonly RightedLine[],
  nowMs: number,
): Promise<unknown[]> {
  const asked = lines.map(([right]) => refusals.mayAsk(right, nowMs));
  const answers = await session.ask(lines.filter((_, i) => asked[i]).map(([, line]) => line));
  let next = 0;
  return lines.map(([right], i) => {
    const answer = asked[i] ? answers[next++] : undefined;
    if (!answer) return undefined;
    if ("error" in answer) {
      refusals.refuse(right, answer.error, nowMs);
      return undefined;
    }
    refusals.allow(right);
    return answer.value;
  });
}
