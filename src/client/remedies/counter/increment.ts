/** Whole numbers and those with decimals are counted in keys of their own: INCRBY takes no decimals, INCRBYFLOAT rounds. */
export type Kind = "count" | "float";

/** What is added, as the server is to read it. */
export interface Increment {
  readonly kind: Kind;
  readonly text: string;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** INCRBYFLOAT writes 17 digits behind the point: of less nothing would be left. */
const FLOAT_MIN = 1e-17;
const ONE: Increment = { kind: "count", text: "1" };

/** Throws: TypeError, RangeError. */
export function checkedIncrement(by: unknown): Increment {
  if (by === undefined || by === 1) return ONE;
  if (typeof by === "bigint") return wholeIncrement(by);
  if (typeof by !== "number") throw new TypeError("by: expected a number or a bigint");
  if (!Number.isFinite(by)) throw new RangeError(`by: expected a finite number, got ${by}`);
  if (Number.isInteger(by)) {
    const whole = BigInt(by);
    return { kind: isInt64(whole) ? "count" : "float", text: whole.toString() };
  }
  if (Math.abs(by) < FLOAT_MIN) {
    throw new RangeError(
      `by: expected 0 or at least ${FLOAT_MIN}, which is the least that Redis adds, got ${by}`,
    );
  }
  return { kind: "float", text: String(by) };
}

function wholeIncrement(by: bigint): Increment {
  if (!isInt64(by)) throw new RangeError(`by: expected a bigint of 64 bits (-2^63 to 2^63 - 1), got ${by}`);
  return { kind: "count", text: by.toString() };
}

function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}
