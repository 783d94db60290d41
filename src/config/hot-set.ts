import type { z } from "zod";
import { count, duration, flag, glob, list, rate, ratio, section, share } from "./scalars.ts";

export const hotSet = section({
  enabled: flag().prefault(true).describe("Whether any key is leased."),
  threshold: rate()
    .prefault("1000/s")
    .describe(
      "From how many reads a second on, surely, in the shortest window, a key is leased: of those that reach servers, as far as the servers' own counts bear the clients out.",
    ),
  keepAbove: share({ zero: false })
    .prefault(0.5)
    .describe(
      "A lease is renewed while the key is in demand, in reads that reach servers and reads that caches absorb, by this part of the threshold.",
    ),
  lease: duration({ min: "5s", max: "10m" })
    .prefault("30s")
    .describe(
      "For how long clients may cool a key unless they hear more; renewed when a third of it is over.",
    ),
  max: count({ min: 1, max: 500 })
    .prefault(100)
    .describe("Most keys of a cluster that are leased at a time: those in the highest demand."),
  readsPerWrite: ratio({ above: 0 })
    .prefault(10)
    .describe(
      "A key with fewer reads for each write is not leased: what is cached of it is soon out of date.",
    ),
  exclude: list(glob())
    .prefault([])
    .describe(
      "Globs of keys that are never leased, such as `balance:*`: what must not be read from a cache.",
    ),
  allowUncorroborated: flag()
    .prefault(false)
    .describe(
      "Whether clients' word is enough: also reads that no server bears out, and reads that caches absorbed, open a lease.",
    ),
})
  .prefault({})
  .describe(
    "Which keys clients may cool, and for how long, in standalone and aggregators; docs/remedies/hot-set.md says how it is decided.",
  );

/** What the hot set is decided by: durations in ms, rates per second. */
export type LeaseTerms = z.output<typeof hotSet>;
