import { parseHttpUrl } from "./http.ts";
import { choice, count, flag, section, text } from "./scalars.ts";

const prometheus = section({ enabled: flag().prefault(true).describe("Whether `/metrics` is served.") })
  .prefault({})
  .describe("Metrics that Prometheus collects.");

const otlp = section({
  endpoint: text({ type: "URL", parse: parseHttpUrl }).describe(
    "Base URL of an OpenTelemetry collector (OTLP over HTTP), such as `http://127.0.0.1:4318`.",
  ),
});

export const metrics = section({
  prometheus,
  otlp: otlp.optional().describe("Metrics that are pushed."),
  keys: count({ min: 0, max: 1000 })
    .prefault(50)
    .describe("How many of the hottest keys have series of their own."),
  keyLabel: choice(["key", "rank"])
    .prefault("key")
    .describe("Whether those series carry the key itself, or only its rank."),
})
  .prefault({})
  .describe("Keyheat's own metrics.");

export const log = section({
  level: choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .prefault("info")
    .describe("The least severity that is logged."),
})
  .prefault({})
  .describe("Keyheat's own log: JSON lines on standard error.");
