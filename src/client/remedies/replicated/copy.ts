/** A version of a value, as one copy holds it. */
export interface Copy {
  /** The higher, the newer: microseconds since 1970 by the first copy's server, or one more than the version before. */
  readonly version: number;
  /** Unix ms, by the first copy's server; 0: never. */
  readonly expiresAtMs: number;
  /** How many copies there are: the most that anyone has written. */
  readonly copies: number;
  /** `null`: deleted. */
  readonly value: Buffer | null;
}

const HEAD = /^keyheat\/1 (\d{1,16}) (\d{1,16}) (\d{1,4}) (value|deleted)\n/;
/** No head is longer. */
export const HEAD_BYTES_MAX = 64;

/** `null`: not what a copy looks like. */
export function parseCopy(stored: Buffer): Copy | null {
  const head = HEAD.exec(stored.toString("latin1", 0, HEAD_BYTES_MAX));
  if (head === null) return null;
  return {
    version: Number(head[1]),
    expiresAtMs: Number(head[2]),
    copies: Number(head[3]),
    value: head[4] === "deleted" ? null : stored.subarray(head[0].length),
  };
}
