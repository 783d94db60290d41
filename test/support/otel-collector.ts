import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "./free-port.ts";
import { waitFor } from "./wait.ts";

const OUTPUT_CHARACTERS_KEPT = 4096;

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
  const child = spawn(program, ["--config", configFile], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (piece: Buffer) => {
    output = `${output}${piece}`.slice(-OUTPUT_CHARACTERS_KEPT);
  });
  t.after(async () => {
    if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitFor("the Collector to listen", async () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
    // No request of OTLP, but an answer.
    return (await fetch(`${endpoint}/v1/metrics`)).status === 405;
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
