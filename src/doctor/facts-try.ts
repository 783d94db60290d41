import type { FactsDialect } from "../redis/acl.ts";
import { isNoPermission } from "../redis/reply-problem.ts";
import type { CommandLine, Session } from "../redis/session.ts";

/** Nobody has such a key. */
const NO_KEY = "keyheat:check:no-such-key";

const LOOK_UPS: readonly CommandLine[] = [
  ["TYPE", NO_KEY],
  ["TTL", NO_KEY],
  ["OBJECT", "ENCODING", NO_KEY],
  ["MEMORY", "USAGE", NO_KEY],
];

/**
 * Whether a user may look up facts of keys: each command is tried, on a key that is not there. A node that sends it
 * elsewhere (MOVED) has let the command pass. Throws: `TargetError`.
 */
export async function mayLookUpFacts(session: Session, { hasNoTouch }: FactsDialect): Promise<boolean> {
  const noTouch: readonly CommandLine[] = hasNoTouch ? [["CLIENT", "NO-TOUCH", "ON"]] : [];
  const answers = await session.ask([...LOOK_UPS, ...noTouch]);
  return !answers.some((answer) => "error" in answer && isNoPermission(answer.error));
}
