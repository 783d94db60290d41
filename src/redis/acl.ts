import { isAtLeast } from "./info.ts";

/** What an agent's user may do at a server. */
export interface Rights {
  /** Channel patterns that are subscribed: each must stand in the ACL literally as in PSUBSCRIBE. */
  readonly channels: readonly string[];
  /** `ensure` may add notification flags: it needs CONFIG SET. */
  readonly configure: "verify" | "ensure";
  /** Look-ups of type, size, expiry and encoding of hot keys. */
  readonly facts: boolean;
}

/** The subscription that sees every event. */
export const EVENT_CHANNELS = "__keyevent@*__:*";

/** Without these nothing is seen at all. */
export const NEEDED_COMMANDS: readonly string[] = ["psubscribe", "ping", "info"];

/** Each of these may be missing: its part then degrades, and says so. */
export const WANTED_COMMANDS: readonly string[] = ["role", "config|get", "cluster|nodes", "cluster|slots"];

export const ENSURE_COMMANDS: readonly string[] = ["config|set"];

const NO_TOUCH = "client|no-touch";

export const FACTS_COMMANDS: readonly string[] = [
  "type",
  "ttl",
  "memory|usage",
  "object|encoding",
  "select",
  NO_TOUCH,
];

/** Reads of any key: look-ups of facts never write. Redis 6 has no `%R~` and takes `~*`. */
export const FACTS_KEYS = "%R~*";

export const VERIFY_RIGHTS: Rights = { channels: [EVENT_CHANNELS], configure: "verify", facts: false };

/** Arguments of ACL SETUSER that make a user with exactly these rights. */
export function createUserArguments(user: string, password: string, rights: Rights): string[] {
  const { channels, configure, facts } = rights;
  const commands = [
    ...NEEDED_COMMANDS,
    ...WANTED_COMMANDS,
    ...(configure === "ensure" ? ENSURE_COMMANDS : []),
    ...(facts ? FACTS_COMMANDS : []),
  ];
  return [
    user,
    "on",
    `>${password}`,
    "resetkeys",
    "resetchannels",
    "-@all",
    ...commands.map((command) => `+${command}`),
    ...(facts ? [FACTS_KEYS] : []),
    ...channels.map((channel) => `&${channel}`),
  ];
}

/** The same as a line for redis-cli, with a placeholder for the password. */
export function createUserLine(user: string, rights: Rights): string {
  return `ACL SETUSER ${createUserArguments(user, "PASSWORD", rights).map(quoted).join(" ")}`;
}

/** The line that adds commands to a user. */
export function grantCommandsLine(user: string | undefined, commands: readonly string[]): string {
  return `ACL SETUSER ${quoted(user || "default")} ${commands.map((command) => `+${command}`).join(" ")}`;
}

/** What a server's ACLs know of what look-ups of facts need. A right that it does not know makes it refuse the whole line. */
export interface FactsDialect {
  /** Redis 7.2, Valkey. */
  readonly hasNoTouch: boolean;
  /** `%R~*`: Redis 7.0, Valkey; before that keys may be had as a whole only. */
  readonly hasReadKeys: boolean;
}

/** The line that lets a user subscribe to patterns of channels. */
export function grantChannelsLine(user: string | undefined, channels: readonly string[]): string {
  const rights = channels.map((channel) => quoted(`&${channel}`)).join(" ");
  return `${grantCommandsLine(user, ["psubscribe", "ping"])} ${rights}`;
}

/** The line that gives a user keys, as in an ACL: `%R~*`. */
export function grantKeysLine(user: string | undefined, keys: string): string {
  return `ACL SETUSER ${quoted(user || "default")} ${keys}`;
}

/** What the ACLs of a server of this version know; of an unknown version: what all of them do. */
export function factsDialectOf(version: string): FactsDialect {
  return { hasNoTouch: isAtLeast(version, 7, 2), hasReadKeys: isAtLeast(version, 7, 0) };
}

/** The line that adds look-ups of facts to a user. */
export function grantFactsLine(
  user: string | undefined,
  { hasNoTouch, hasReadKeys }: FactsDialect = { hasNoTouch: true, hasReadKeys: true },
): string {
  const commands = FACTS_COMMANDS.filter((command) => hasNoTouch || command !== NO_TOUCH);
  return `${grantCommandsLine(user, commands)} ${hasReadKeys ? FACTS_KEYS : "~*"}`;
}

/** The line that lets a user in, with a placeholder for its password. */
export function passwordLine(user: string | undefined): string {
  return `ACL SETUSER ${quoted(user || "default")} on >PASSWORD`;
}

/** A word as redis-cli reads it: bare where it can be, else in double quotes with its escapes. */
function quoted(word: string): string {
  if (/^[\w@*:|&%~+<>^$!{}.,/?#=[\]-]+$/.test(word)) return word;
  const escaped = Array.from(Buffer.from(word), (byte) => {
    const character = String.fromCharCode(byte);
    if (character === '"' || character === "\\") return `\\${character}`;
    return byte >= 0x20 && byte < 0x7f ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
  }).join("");
  return `"${escaped}"`;
}
