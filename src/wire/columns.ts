import type { MessageInitShape } from "@bufbuild/protobuf";
import { Damage } from "./decoded.ts";
import type { Column, ColumnSchema } from "./generated/keyheat_pb.ts";
import { ENTRIES_MAX } from "./limits.ts";

/** Every column of an entry has at most so many places. */
const PLACES_MAX = 4;
const DOUBLE_BYTES = 8;
/** Of a whole number below 2^53. */
const VARINT_BYTES_MAX = 8;
const INT32_MAX = 2 ** 31 - 1;

/** What columns are read into. */
export type Numbers =
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;
type NumbersClass<N extends Numbers> = {
  new (length: number): N;
  new (buffer: ArrayBuffer, offset: number, length: number): N;
};

/**
 * Absent columns share these zeros, and nobody writes to a part that was decoded: were they made anew, a record that is
 * nothing but key lengths would grow a hundredfold.
 */
const ZEROS = new ArrayBuffer(ENTRIES_MAX * PLACES_MAX * DOUBLE_BYTES);

/** The shorter of the two forms that is exact; absent for zeros alone. -0 becomes 0. */
export function packColumn(values: ArrayLike<number>): MessageInitShape<typeof ColumnSchema> | undefined {
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

/**
 * A column of `length` numbers, each one that `Class` can hold and at most `max`.
 *
 * Throws: Damage with `excess` for one above `max`, and where the column has another length.
 */
export function unpackColumn<N extends Numbers>(
  column: Column | undefined,
  length: number,
  Class: NumbersClass<N>,
  max: number = Number.MAX_SAFE_INTEGER,
  excess: string = "a number out of range",
): N {
  if (column === undefined || column.whole.length + column.real.length === 0)
    return new Class(ZEROS, 0, length);
  const { whole, real } = column;
  const count = real.length > 0 ? real.length / DOUBLE_BYTES : countVarints(whole);
  if (count !== length || (real.length > 0 && whole.length > 0))
    throw new Damage("columns of different lengths");
  const values = new Class(length);
  if (real.length > 0) unpackDoubles(real, values);
  else unpackVarints(whole, values, max, excess);
  return values;
}

/** Whole numbers in [0, 2^53), one after the other: seven bits a byte, the lowest first, the eighth bit says "more". */
export function packVarints(values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * VARINT_BYTES_MAX);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    let rest = values[i]!;
    // Shifts are several times faster than divisions, but work on 32 bits.
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

/** Fills `values` from `bytes`, in which as many numbers are packed. */
export function unpackVarints(
  bytes: Uint8Array,
  values: Numbers | Uint32Array,
  max: number,
  excess: string,
): void {
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    let byte = bytes[at++]!;
    let value = byte & 0x7f;
    for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = bytes[at++]!;
      value += (byte & 0x7f) * unit;
    }
    // Also where so long a number has become infinite, or none.
    if (!(value <= max)) throw new Damage(excess);
    values[i] = value;
  }
}

function packDoubles(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(values.length * DOUBLE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat64(i * DOUBLE_BYTES, values[i]!, true);
  return bytes;
}

function unpackDoubles(bytes: Uint8Array, values: Numbers): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < values.length; i++) {
    const value = view.getFloat64(i * DOUBLE_BYTES, true);
    if (!Number.isFinite(value)) throw new Damage("a number that is not finite");
    values[i] = value;
    if (values[i] !== value) throw new Damage("a number out of range");
  }
}
