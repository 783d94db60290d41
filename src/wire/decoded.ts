/** What came of a decoding. `problem` is a short reason, without anything of the record's own content. */
export type Decoded<T> = { readonly value: T } | { readonly problem: string };

/** Ends a decoding; never leaves this folder. */
export class Damage extends Error {
  override readonly name = "Damage";
}

/** What `read` returns, or the reason why it could not. */
export function decoding<T>(read: () => T): Decoded<T> {
  try {
    return { value: read() };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  if (error instanceof Damage) return error.message;
  // The reader of @bufbuild/protobuf throws it where it runs out of bytes, and other errors where they make no sense.
  return error instanceof RangeError ? "truncated" : "malformed";
}
