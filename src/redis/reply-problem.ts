import {
  createUserLine,
  FACTS_KEYS,
  grantCommandsLine,
  grantKeysLine,
  passwordLine,
  VERIFY_RIGHTS,
} from "./acl.ts";
import type { ProblemCode, TargetProblem } from "./problem.ts";

/** Who asked, and what. Nothing in it is secret. */
export interface Asker {
  readonly username: string | undefined;
  readonly hasPassword: boolean;
}

/**
 * Says what an error reply means for the whole connection; `null` where it concerns just the one command.
 *
 * Never repeats the reply's own text, which may hold arguments.
 */
export function connectionProblem(reply: string, { username, hasPassword }: Asker): TargetProblem | null {
  const user = username || "default";
  if (reply.startsWith("WRONGPASS") || /^ERR invalid password/.test(reply)) {
    return permanent(
      "AUTH",
      `wrong password or user "${user}" is off; check the target's username and password, or run: ${passwordLine(user)}`,
    );
  }
  if (reply.startsWith("NOAUTH")) {
    const creating = createUserLine("keyheat", VERIFY_RIGHTS);
    const message = hasPassword
      ? `user "${user}" was logged out; check the target's username and password`
      : `the server wants a password; set the target's username and password, for a user made by: ${creating}`;
    return permanent("AUTH", message);
  }
  if (reply.startsWith("LOADING")) return passing("LOADING", "the server is loading its data set");
  if (reply.startsWith("BUSY")) {
    return passing("BUSY", "the server is busy with a script (SCRIPT KILL or FUNCTION KILL ends it)");
  }
  if (reply.startsWith("MASTERDOWN")) {
    return passing("MASTERDOWN", "the replica has lost its primary and replica-serve-stale-data is no");
  }
  if (reply.startsWith("DENIED") || reply.startsWith("-DENIED")) {
    return permanent(
      "DENIED",
      "the server is in protected mode and takes no connection from elsewhere; give it a password, or run on its host: CONFIG SET protected-mode no",
    );
  }
  if (/^-?ERR max number of clients/.test(reply)) {
    return passing(
      "FULL",
      "the server has as many clients as maxclients allows; raise it: CONFIG SET maxclients N",
    );
  }
  return null;
}

/** Whether an error reply says that the user lacks a right. */
export function isNoPermission(reply: string): boolean {
  return reply.startsWith("NOPERM");
}

/** Whether an error reply says that the server did not begin to run the command: it does not count it either. */
export function isTurnedAway(reply: string): boolean {
  return isNoPermission(reply) || /unknown (sub)?command/i.test(reply);
}

/** Whether an error reply says that the key is, or is soon, on another node of the cluster. */
export function isElsewhere(reply: string): boolean {
  return /^(MOVED|ASK|TRYAGAIN)\b/.test(reply);
}

/** Why one command gave nothing, and what to run: one line. `command` as in an ACL, such as `config|get`. */
export function refusalReason(command: string, reply: string, username: string | undefined): string {
  const shown = command.replace("|", " ").toUpperCase();
  if (isNoPermission(reply) && /access (a|one of the) key/i.test(reply)) {
    return `user "${username || "default"}" may not ask ${shown} of some keys; run: ${grantKeysLine(username, FACTS_KEYS)} (or ~* before Redis 7)`;
  }
  if (isNoPermission(reply)) {
    return `user "${username || "default"}" may not run ${shown}; run: ${grantCommandsLine(username, [command])}`;
  }
  if (/unknown (sub)?command|not (available|allowed|supported)/i.test(reply)) {
    return `the server does not offer ${shown} (renamed, or kept back by its provider)`;
  }
  if (reply.startsWith("CLUSTERDOWN")) {
    return `the server refused ${shown}: its cluster is down, as some slots have no server and cluster-require-full-coverage is yes`;
  }
  return `the server refused ${shown}`;
}

function permanent(code: ProblemCode, message: string): TargetProblem {
  return { code, message, retryable: false };
}

function passing(code: ProblemCode, message: string): TargetProblem {
  return { code, message, retryable: true };
}
