import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks `condition` again and again until it is true (or anything truthy), and returns that.
 *
 * A condition that throws counts as not yet. Throws: Error that names `what`, and the last error, after `timeoutMs`.
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 30_000,
  everyMs = 20,
): Promise<Exclude<T, false | null | undefined | 0 | "">> {
  const endMs = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, false | null | undefined | 0 | "">;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(everyMs);
  } while (performance.now() < endMs);
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  throw new Error(`waited ${timeoutMs} ms for ${what}${reason}`, { cause });
}
