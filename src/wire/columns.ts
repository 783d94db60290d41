import { Damage } from "./decoded.ts";
import type { Column } from "./generated/keyheat_pb.ts";
import { ENTRIES_MAX } from "./limits.ts";

/** Every column of an entry has at most so many places. */
const PLACES_MAX = 4;
const DOUBLE_BYTES = 8;
/** Of a whole number below 2^53. */
const VARINT_BYTES_MAX = 8;
const INT32_MAX = 2 ** 31 - 1;

/** What the columns of entries are made of. */
export type Numbers =
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

interface NumbersClass<N extends Numbers> {
  new (values: Float64Array): N;
  new (buffer: ArrayBuffer, offset: number, length: number): N;
}

/**
 * Absent columns share these zeros, and nobody writes to a part that was decoded: were they made anew, a record that is
 * nothing but key lengths would grow a hundredfold.
 */
const ZEROS = new ArrayBuffer(ENTRIES_MAX * PLACES_MAX * DOUBLE_BYTES);

/** The shorter of the two forms that is exact; absent for zeros alone. -0 becomes 0. */
export function packColumn(column: Float64Array | Int32Array | Uint16Array | Uint8Array) {
  const values = inDoubles(column);
  let isZeros = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value === 0) continue;
    isZeros = false;
    if (!(value > 0 && value <= Number.MAX_SAFE_INTEGER && Math.floor(value) === value)) {
      return { real: packDoubles(values) };
    }
  }
  return isZeros ? undefined : { whole: packVarints(values) };
}

/** Loops that see arrays of one class only are several times faster than those that see five. */
function inDoubles(numbers: ArrayLike<number>): Float64Array {
  return numbers instanceof Float64Array ? numbers : new Float64Array(numbers);
}

/**
 * A column of `length` numbers that `Class` can hold, each at most `max`.
 *
 * Throws: Damage with `excess` for one above `max`, and where the column has another length.
 */
export function unpackColumn<N extends Numbers>(
  column: Column | undefined,
  length: number,
  Class: NumbersClass<N>,
  max: number = Number.POSITIVE_INFINITY,
  excess: string = "a number out of range",
): N {
  if (column === undefined || column.whole.length + column.real.length === 0) {
    return new Class(ZEROS, 0, length);
  }
  const { whole, real } = column;
  if (real.length > 0 && whole.length > 0) throw new Damage("a column in two forms");
  const count = real.length > 0 ? real.length / DOUBLE_BYTES : countVarints(whole);
  if (count !== length) throw new Damage("columns of different lengths");
  const values =
    real.length > 0 ? unpackDoubles(real, max, excess) : unpackVarints(whole, length, max, excess);
  const numbers = new Class(values);
  // Numbers that are not whole, or negative, may have become others.
  if (real.length > 0 && numbers.some((number, i) => number !== values[i])) throw new Damage(excess);
  return numbers;
}

/** Whole numbers in [0, 2^53), one after the other: seven bits a byte, the lowest first, the eighth bit says "more". */
export function packVarints(numbers: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const values = inDoubles(numbers);
  const bytes = new Uint8Array(values.length * VARINT_BYTES_MAX);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    let rest = values[i]!;
    // Shifts are faster than divisions, but work on 32 bits.
    for (; rest > INT32_MAX; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
    let low = rest | 0;
    for (; low >= 0x80; low >>>= 7) bytes[at++] = (low & 0x7f) | 0x80;
    bytes[at++] = low;
  }
  return bytes.subarray(0, at);
}

/** How many numbers are packed in `bytes`. Throws: Damage where the last one is not whole. */
export function countVarints(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! < 0x80) count++;
  if (bytes.length > 0 && bytes[bytes.length - 1]! >= 0x80) throw new Damage("truncated");
  return count;
}

/** The `count` numbers that are packed in `bytes`. Throws: Damage with `excess` for one above `max`. */
export function unpackVarints(bytes: Uint8Array, count: number, max: number, excess: string): Float64Array {
  const values = new Float64Array(count);
  const exactMax = Math.min(max, Number.MAX_SAFE_INTEGER);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let byte = bytes[at++]!;
    let value = byte & 0x7f;
    for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = bytes[at++]!;
      value += (byte & 0x7f) * unit;
    }
    // Also where so long a number has become infinite, or none.
    if (!(value <= exactMax)) throw new Damage(excess);
    values[i] = value;
  }
  return values;
}

function packDoubles(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * DOUBLE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat64(i * DOUBLE_BYTES, values[i]!, true);
  return bytes;
}

function unpackDoubles(bytes: Uint8Array, max: number, excess: string): Float64Array {
  const values = new Float64Array(bytes.length / DOUBLE_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < values.length; i++) {
    const value = view.getFloat64(i * DOUBLE_BYTES, true);
    if (!Number.isFinite(value)) throw new Damage("a number that is not finite");
    if (value > max) throw new Damage(excess);
    values[i] = value;
  }
  return values;
}
