import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pino } from "pino";
import type { IncidentGroup } from "../../../../src/model/incident.ts";
import { LogReceiver } from "../../../../src/notify/receivers/log.ts";
import { incidentOf, START_MS } from "../../incidents/samples.ts";

async function linesOf(group: Partial<IncidentGroup>): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const whole = {
    event: "firing",
    cluster: "shop",
    id: "msg_1",
    atMs: START_MS,
    incidents: [],
    more: 0,
    ...group,
  } as const;
  await new LogReceiver("log", logger).deliver(whole);
  return lines;
}

describe("the log receiver", () => {
  it("writes a line for each incident, with the key as printable text", async () => {
    const [line, ...others] = await linesOf({ incidents: [incidentOf({ name: "user:\n1" })] });
    assert.deepEqual(others, []);
    assert.equal(line?.msg, "hot key firing");
    assert.equal(line?.level, 40);
    assert.equal(line?.key, "user:\\n1");
    assert.equal(line?.ratePerSecond, 2000);
  });

  it("tells of an end more quietly", async () => {
    const [line] = await linesOf({ event: "resolved", incidents: [incidentOf({ status: "resolved" })] });
    assert.equal(line?.msg, "hot key resolved");
    assert.equal(line?.level, 30);
  });

  it("writes few lines of a large group, and how many more there are", async () => {
    const lines = await linesOf({
      incidents: Array.from({ length: 1000 }, (_, n) => incidentOf({ name: `${n}` })),
      more: 5,
    });
    assert.equal(lines.length, 51);
    assert.equal(lines.at(-1)?.more, 955);
  });
});
