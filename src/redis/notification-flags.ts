import { grantCommandsLine } from "./acl.ts";
import { TargetError } from "./problem.ts";
import type { Refusals } from "./refusals.ts";
import { isNoPermission } from "./reply-problem.ts";
import type { Session } from "./session.ts";

const SETTING = "notify-keyspace-events";
const READ_RIGHT = "config|get";

/** Value of `notify-keyspace-events`; `null`: CONFIG cannot be read, `refusals` says why. Throws: `TargetError`. */
export async function readNotificationFlags(
  session: Session,
  refusals: Refusals,
  nowMs: number,
): Promise<string | null> {
  if (!refusals.mayAsk(READ_RIGHT, nowMs)) return null;
  const [answer] = await session.ask([["CONFIG", "GET", SETTING]]);
  if (!answer || "error" in answer) {
    refusals.refuse(READ_RIGHT, answer?.error ?? "", nowMs);
    return null;
  }
  const value = Array.isArray(answer.value) ? (answer.value as unknown[])[1] : undefined;
  if (typeof value !== "string") {
    refusals.note(READ_RIGHT, `the server does not show its setting ${SETTING}`, nowMs);
    return null;
  }
  refusals.allow(READ_RIGHT);
  return value;
}

/** Sets `notify-keyspace-events`. Throws: `TargetError` with the line to run. */
export async function writeNotificationFlags(
  session: Session,
  flags: string,
  username: string | undefined,
): Promise<void> {
  const [answer] = await session.ask([["CONFIG", "SET", SETTING, flags]]);
  if (answer && "value" in answer) return;
  const reply = answer?.error ?? "";
  if (isNoPermission(reply)) {
    throw new TargetError({
      code: "NOPERM",
      message: `user "${username || "default"}" may not run CONFIG SET; run: ${grantCommandsLine(username, ["config|set"])}, or by hand: CONFIG SET ${SETTING} ${flags}`,
      retryable: false,
    });
  }
  throw new TargetError({
    code: "REFUSED",
    message: `the server refused CONFIG SET ${SETTING} ${flags}; set it in the server's config file or at its provider`,
    retryable: false,
  });
}
