import { keyId } from "../../src/model/key.ts";
import type { PanePart } from "../../src/model/pane.ts";

export interface CountBounds {
  lower: number;
  upper: number;
}

/** Adds up the bounds of a key over parts of a vantage that sees no reads. */
export function boundsOf(parts: readonly PanePart[], key: string | Uint8Array, db = 0): CountBounds {
  const wanted = keyId(db, Buffer.from(key as string));
  const bounds = { lower: 0, upper: 0 };
  for (const { entries, floor } of parts) {
    let isListed = false;
    for (let i = 0; i < entries.length; i++) {
      const listed = entries.keyBytes.subarray(entries.keyOffsets[i], entries.keyOffsets[i + 1]);
      if (keyId(entries.dbs[i] ?? 0, listed) !== wanted) continue;
      isListed = true;
      const sure = (entries.writes[i] ?? 0) + (entries.misses[i] ?? 0);
      bounds.lower += sure;
      bounds.upper += sure + (entries.maybes[i] ?? 0) + (entries.errors[i] ?? 0);
    }
    if (!isListed) bounds.upper += floor;
  }
  return bounds;
}
