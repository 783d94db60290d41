import type { CommandObserver, Place, Tally } from "../../src/client/observer.ts";
import type { MonitoredCommand } from "./monitor.ts";
import { ReplyError, TestConnection } from "./redis.ts";

export type Access = Parameters<Tally["add"]>[2];

export interface RecordedAccess extends Access {
  readonly target: string | null;
  readonly db: number;
  /** Bytes as latin1, so that any two keys differ. */
  readonly key: string;
}

/** An observer that samples every command, or those that `isSampled` says, and keeps all that it is told. */
export class RecordingObserver implements CommandObserver, Tally {
  readonly probability = 1;
  readonly accesses: RecordedAccess[] = [];
  /** How often `take` was called. */
  taken = 0;
  readonly #isSampled: (nth: number) => boolean;

  constructor(isSampled: (nth: number) => boolean = () => true) {
    this.#isSampled = isSampled;
  }

  take(): Tally | null {
    return this.#isSampled(this.taken++) ? this : null;
  }

  add({ target, db }: Place, key: string | Uint8Array, access: Access): void {
    this.accesses.push({ ...access, target, db, key: Buffer.from(key as string).toString("latin1") });
  }

  /** What was told of a key, in its order, brief: `read miss get`. */
  of(key: string): string[] {
    const wanted = Buffer.from(key).toString("latin1");
    return this.accesses
      .filter((access) => access.key === wanted)
      .map(({ kind, isMiss, command }) => `${kind}${isMiss ? " miss" : ""} ${command}`);
  }
}

/** Accesses by `target db key kind`. */
export type AccessCounts = ReadonlyMap<string, number>;

export function countsOf(accesses: readonly RecordedAccess[]): AccessCounts {
  return counted(
    accesses.map(({ target, db, key, kind }) => `${target} ${db} ${JSON.stringify(key)} ${kind}`),
  );
}

/** The same, of what MONITOR showed; the keys of each command and their kinds are what the server itself says. */
export async function countsOfMonitored(
  port: number,
  commands: readonly MonitoredCommand[],
): Promise<AccessCounts> {
  using connection = await TestConnection.open(port);
  const names: string[] = [];
  for (const { target, db, name, args } of commands) {
    for (const { key, kind } of await keysByServer(connection, [name, ...args]))
      names.push(`${target} ${db} ${JSON.stringify(key)} ${kind}`);
  }
  return counted(names);
}

async function keysByServer(
  connection: TestConnection,
  words: readonly (string | Buffer)[],
): Promise<{ key: string; kind: "read" | "write" }[]> {
  try {
    const reply = await connection.command(["COMMAND", "GETKEYSANDFLAGS", ...words]);
    const keys = Array.isArray(reply) ? (reply as [Buffer, Buffer[]][]) : [];
    return keys.map(([key, flags]) => ({
      key: key.toString("latin1"),
      // PFCOUNT may write down what it has worked out; it is a read all the same, as its own flags say.
      kind: flags.map(String).includes("RO") || words[0] === "pfcount" ? "read" : "write",
    }));
  } catch (error) {
    if (error instanceof ReplyError) return [];
    throw error;
  }
}

function counted(names: readonly string[]): AccessCounts {
  const counts = new Map<string, number>();
  for (const name of [...names].sort()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
