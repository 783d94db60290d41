import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "./free-port.ts";
import { startProgram } from "./started-program.ts";

/**
 * Starts the OpenTelemetry Collector that `OTELCOL` names, which hands on metrics to `exportTo` as protobuf. It ends with
 * the test `t`.
 *
 * Returns: where it takes OTLP/HTTP. Throws: Error where no Collector is named.
 */
export async function startOtelCollector(t: TestContext, exportTo: string): Promise<string> {
  const program = process.env.OTELCOL;
  if (!program) throw new Error("OTELCOL names no Collector");
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "keyheat-otelcol-"));
  const configFile = join(folder, "config.yaml");
  writeFileSync(configFile, JSON.stringify(configOf(port, exportTo)));
  const endpoint = `http://127.0.0.1:${port}`;
  await startProgram(t, {
    name: "the Collector",
    path: program,
    args: ["--config", configFile],
    folder,
    // No request of OTLP, but an answer.
    isReady: async () => (await fetch(`${endpoint}/v1/metrics`)).status === 405,
  });
  return endpoint;
}

function configOf(port: number, exportTo: string) {
  const pipeline = { receivers: ["otlp"], exporters: ["otlphttp"] };
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { otlphttp: { endpoint: exportTo } },
    service: { pipelines: { metrics: pipeline }, telemetry: { metrics: { level: "none" } } },
  };
}
