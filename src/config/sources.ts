import { choice, count, duration, flag, glob, list, section, share, size } from "./scalars.ts";

const keyspace = section({
  enabled: flag()
    .prefault(true)
    .describe("Whether to watch keyspace notifications: writes and misses, at the primary."),
  configure: choice(["verify", "ensure"])
    .prefault("verify")
    .describe(
      "`verify`: where `notify-keyspace-events` lacks a flag, say which `CONFIG SET` to run. `ensure`: add the missing flags; flags are never removed.",
    ),
  patterns: list(glob(), { max: 64 })
    .prefault([])
    .describe("Watch only keys that one of these globs matches, filtered by the server; empty: all keys."),
  yieldAt: share({ zero: true })
    .prefault(0)
    .describe(
      "Share of a core of the server's main thread from which on the tap gives way: it listens for 1/2 to 1/16 of the time, and says so; 0: never.",
    ),
})
  .prefault({})
  .describe("Keyspace notifications of the server.");

const samples = section({
  enabled: flag()
    .prefault(true)
    .describe("Whether to take in what clients report of their own accesses (`POST /v1/samples`)."),
  bytes: size({ min: "1MiB", max: "1GiB" })
    .prefault("32MiB")
    .describe(
      "Memory that the keys of all their open panes may take; beyond it the smallest counts melt into bounds.",
    ),
})
  .prefault({})
  .describe("Samples of instrumented clients: reads too, with the service that made them.");

export const sources = section({ keyspace, samples }).prefault({}).describe("Where accesses are seen.");

export const panes = section({
  length: duration({ min: "100ms", max: "10s" })
    .prefault("1s")
    .describe(
      "Length of a pane, the interval that is counted and sent as one; every window is a multiple of it.",
    ),
  keys: count({ min: 16, max: 1_048_576 })
    .prefault(8192)
    .describe(
      "How many keys a sketch tracks. The error of a count is at most the pane's accesses divided by this.",
    ),
  publish: count({ min: 1, max: 1_048_576 })
    .prefault(1000)
    .describe("How many entries of a pane are sent at most, the hottest first; at most `keys`."),
  bytes: size({ min: "64KiB", max: "1GiB" })
    .prefault("4MiB")
    .describe("Memory that the keys of one pane may take."),
})
  .prefault({})
  .describe("How accesses are summed up before they are merged.");

export const ignore = list(glob())
  .prefault([])
  .describe("Globs of keys that are counted but never reported.");
