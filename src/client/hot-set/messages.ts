import { keyIdOf } from "../remedies/key-id.ts";

/** Which key a lease is of. */
export interface LeasePlace {
  readonly cluster: string;
  readonly db: number;
  /** Its name, by `keyIdOf`. */
  readonly key: string;
}

/** A lease as the agent tells of it. */
export interface ToldLease extends LeasePlace {
  /** By the agent's clock, ms since 1970. */
  readonly leaseUntilMs: number;
  readonly ratePerSecond: number;
}

/** `snapshot`: all that there are. `update`: what has changed since. */
export type HotSetMessage =
  | { readonly type: "snapshot"; readonly add: readonly ToldLease[] }
  | { readonly type: "update"; readonly add: readonly ToldLease[]; readonly remove: readonly LeasePlace[] };

const VERSION = 1;

/** `null`: an event of another sort, of a later agent. Throws: Error where it is not what it says it is. */
export function readMessage(name: string, data: string): HotSetMessage | null {
  if (name !== "snapshot" && name !== "update") return null;
  const body = asRecord(JSON.parse(data));
  if (name === "update") {
    return {
      type: "update",
      add: asList(body.add).map(readLease),
      remove: asList(body.remove).map(readPlace),
    };
  }
  if (body.version !== VERSION) throw new Error(`a hot set of version ${body.version}, not ${VERSION}`);
  return { type: "snapshot", add: asList(body.keys).map(readLease) };
}

function readLease(value: unknown): ToldLease {
  const { leaseUntil, ratePerSecond } = asRecord(value);
  const leaseUntilMs = typeof leaseUntil === "string" ? Date.parse(leaseUntil) : Number.NaN;
  if (Number.isNaN(leaseUntilMs)) throw new Error("a lease without its end");
  const rate = typeof ratePerSecond === "number" ? ratePerSecond : 0;
  return { ...readPlace(value), leaseUntilMs, ratePerSecond: rate };
}

function readPlace(value: unknown): LeasePlace {
  const { cluster, db, key, keyEncoding } = asRecord(value);
  if (typeof cluster !== "string" || typeof db !== "number" || typeof key !== "string") {
    throw new Error("a lease without its key");
  }
  const bytes = Buffer.from(key, keyEncoding === "base64" ? "base64" : "utf8");
  return { cluster, db, key: keyIdOf(bytes) };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new Error("no mapping where one belongs");
  return value as Readonly<Record<string, unknown>>;
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("no list where one belongs");
  return value;
}
