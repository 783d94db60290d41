import type { EventDialect } from "./event-table.ts";

/** The classes that `A` stands for, on every server; Redis adds `a` (arrays) from 8.8 on. */
const CLASSES_OF_A = "g$lshzxetd";

/** What the server publishes of what the tap wants. */
export type FlagsVerdict =
  | { readonly kind: "ok"; readonly seesMisses: boolean }
  | { readonly kind: "missing"; readonly missing: string; readonly wanted: string };

/** Where the tap reads keys: `E` puts them in the payload, `K` in the channel. */
export type EventForm = "E" | "K";

/** Classes with writes in them. `x` is one on Valkey 9, which gives `expired` for a client's EXPIRE with a past time. */
function writeClasses({ flavor, version: [major, minor] }: EventDialect): string {
  if (flavor === "valkey") return major >= 9 ? "g$lshztx" : "g$lshzt";
  return major > 8 || (major === 8 && minor >= 8) ? "g$lshzta" : "g$lshzt";
}

/**
 * Judges `notify-keyspace-events` for a primary (writes and misses) or a replica (misses only).
 *
 * Without class `m` a primary is still worth watching: its writes are seen, its misses are not. The server reorders
 * the letters, so sets are compared.
 */
export function judgeFlags(
  flags: string,
  form: EventForm,
  role: "primary" | "replica",
  dialect: EventDialect,
): FlagsVerdict {
  const has = expandFlags(flags, dialect);
  const required = role === "primary" ? form + writeClasses(dialect) : `${form}m`;
  const missing = Array.from(required).filter((letter) => !has.has(letter));
  if (missing.length === 0) return { kind: "ok", seesMisses: has.has("m") };
  return { kind: "missing", missing: missing.join(""), wanted: withWanted(flags, form, role, dialect) };
}

/** The flags that are there with the wanted ones added: nothing is ever removed. */
export function withWanted(
  flags: string,
  form: EventForm,
  role: "primary" | "replica",
  dialect: EventDialect,
): string {
  const has = expandFlags(flags, dialect);
  const wanted = role === "primary" ? `${form}${writeClasses(dialect)}m` : `${form}m`;
  const added = Array.from(wanted).filter((letter) => !has.has(letter));
  return flags + added.join("");
}

function expandFlags(flags: string, dialect: EventDialect): Set<string> {
  const letters = new Set(flags);
  if (!letters.has("A")) return letters;
  for (const letter of CLASSES_OF_A) letters.add(letter);
  const hasArrays =
    dialect.flavor === "redis" &&
    (dialect.version[0] > 8 || (dialect.version[0] === 8 && dialect.version[1] >= 8));
  if (hasArrays) letters.add("a");
  return letters;
}
