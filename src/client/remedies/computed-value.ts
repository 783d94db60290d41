import { type Bytes, bytesOf } from "./commands.ts";

/** What a caller's function is told: the signal aborts when nobody waits for its value any more. */
export interface ComputeContext {
  readonly signal: AbortSignal;
}

/** Makes the value of a key anew, as by a query. `null`: there is nothing to cache. */
export type Compute<Made extends Bytes | null = Bytes | null> = (
  context: ComputeContext,
) => Made | PromiseLike<Made>;

/** Throws: what `compute` throws; TypeError where it gives something else than text, bytes or null. */
export async function computed(compute: Compute, context: ComputeContext): Promise<Buffer | null> {
  const made: unknown = await compute(context);
  if (made === null) return null;
  if (typeof made === "string" || made instanceof Uint8Array) return bytesOf(made);
  throw new TypeError("compute: expected it to give a string, a Buffer, or null for nothing to cache");
}
