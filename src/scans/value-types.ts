interface ValueType {
  /** Tells how many members (bytes of a string) there are, in constant time. */
  readonly lengthCommand: string;
  /** Whether MEMORY USAGE takes constant time, whatever the value. */
  readonly isMeasurable: boolean;
}

/**
 * What is known of the types that TYPE names.
 *
 * MEMORY USAGE goes over all consumers of a stream, whatever SAMPLES says; of a vector set and of types of modules it
 * runs code that promises nothing. Source: Redis `objectComputeSize`.
 */
const TYPES: ReadonlyMap<string, ValueType> = new Map([
  ["string", { lengthCommand: "STRLEN", isMeasurable: true }],
  ["list", { lengthCommand: "LLEN", isMeasurable: true }],
  ["set", { lengthCommand: "SCARD", isMeasurable: true }],
  ["zset", { lengthCommand: "ZCARD", isMeasurable: true }],
  ["hash", { lengthCommand: "HLEN", isMeasurable: true }],
  ["stream", { lengthCommand: "XLEN", isMeasurable: false }],
  ["vectorset", { lengthCommand: "VCARD", isMeasurable: false }],
]);

export function isMeasurable(type: string): boolean {
  return TYPES.get(type)?.isMeasurable === true;
}

/** `null`: none is known. */
export function lengthCommandOf(type: string): string | null {
  return TYPES.get(type)?.lengthCommand ?? null;
}
