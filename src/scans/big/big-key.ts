import { isCut, keep, type ShownKey, showKey } from "../../model/key.ts";
import { patternOf } from "../../model/pattern.ts";
import type { ScanServer } from "../scan-server.ts";

/** A key that may be listed, with what is needed to ask more of it. */
export interface FoundKey {
  readonly server: ScanServer;
  readonly db: number;
  /** Kept form. */
  readonly kept: Uint8Array;
  readonly type: string;
  readonly bytes: number | null;
  /** Members, or bytes of a string; `null`: not known. */
  readonly length: number | null;
}

/** What is asked of the keys of the list; `null`: not known. */
export interface KeyDetails {
  readonly length: number | null;
  readonly encoding: string | null;
  /** `null` also where it does not expire. */
  readonly ttlSeconds: number | null;
}

export interface BigKey extends ShownKey, KeyDetails {
  readonly rank: number;
  readonly db: number;
  readonly target: string;
  readonly pattern: string;
  readonly type: string;
  /** By MEMORY USAGE, with its key and the server's overhead; `null` where measuring its type may block the server. */
  readonly bytes: number | null;
  /** What ranks it. */
  readonly sizedBy: "memory" | "length";
}

/** `key` is copied: as it came it may hold a whole read of the connection. */
export function foundKey(key: Buffer, rest: Omit<FoundKey, "kept">): FoundKey {
  return { kept: Uint8Array.from(keep(key)), ...rest };
}

/** The name that it can be asked by; `null` of a key over 1 KiB, of which only the head was kept. */
export function wholeName({ kept }: FoundKey): Buffer | null {
  return isCut(kept) ? null : Buffer.from(kept.buffer, kept.byteOffset, kept.length);
}

export function bigKey(rank: number, found: FoundKey, details: KeyDetails): BigKey {
  const { server, db, kept, type, bytes } = found;
  return {
    rank,
    ...showKey(kept),
    db,
    target: server.address,
    pattern: patternOf(kept),
    type,
    bytes,
    sizedBy: bytes === null ? "length" : "memory",
    ...details,
    length: found.length ?? details.length,
  };
}
