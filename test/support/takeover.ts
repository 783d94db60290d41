import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { FleetIncident, FleetProcess } from "./fleet.ts";
import { PacedCalls } from "./paced-calls.ts";
import { startRedis, TestConnection } from "./redis.ts";
import { waitFor } from "./wait.ts";
import type { ReceivedRequest } from "./webhook.ts";

/** One page of one incident. */
export interface Page {
  readonly event: string;
  readonly incident: string;
  readonly key: string;
  /** The webhook-id header: the same for a page that is sent again. */
  readonly messageId: string;
}

interface Body {
  readonly type: string;
  readonly data: FleetIncident & { readonly incidents?: readonly FleetIncident[] };
}

/** What requests tell, an entry for each incident of a group. */
export function pagesOf(requests: readonly ReceivedRequest[]): Page[] {
  return requests.flatMap((request) => {
    const { type, data } = request.json() as Body;
    const messageId = String(request.headers["webhook-id"]);
    return (data.incidents ?? [data]).map(({ id, key, status }) => ({
      event: type === "incident.group" ? `incident.${status}` : type,
      incident: id,
      key,
      messageId,
    }));
  });
}

/** A Redis of a test, and what writes into it. */
export interface WrittenRedis {
  readonly port: number;
  /** Writes a key at a steady rate, until it is stopped or the test ends. */
  write(key: string, perSecond: number): Promise<PacedCalls>;
}

/** Starts a Redis; at the end of the test the writing ends before it does. */
export async function startWrittenRedis(t: TestContext): Promise<WrittenRedis> {
  const { port, stop } = await startRedis(null);
  const writers: PacedCalls[] = [];
  const connections: TestConnection[] = [];
  t.after(async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
    for (const connection of connections) connection.close();
    await stop();
  });
  return {
    port,
    write: async (key, perSecond) => {
      const connection = await TestConnection.open(port);
      connections.push(connection);
      const writer = new PacedCalls(perSecond, () => connection.command(["SET", key, "v"]));
      writers.push(writer);
      return writer;
    },
  };
}

/** The process that owns the cluster, which is the one that owns bucket 0: it alone shows what is seen of the targets. */
export async function ownerAmong(processes: readonly FleetProcess[]): Promise<FleetProcess> {
  return await waitFor("one of them to own the cluster", async () => {
    const ratios = await Promise.all(processes.map((one) => one.metric("keyheat_coverage_ratio")));
    const owners = processes.filter((_, index) => ratios[index] !== null);
    return owners.length === 1 ? owners[0] : null;
  });
}

/** Nothing that a process wrote tells of an error that nobody handled. */
export function assertCleanOutput(...processes: readonly FleetProcess[]): void {
  for (const { output } of processes) {
    assert.doesNotMatch(output, /UnhandledPromiseRejection|unhandledRejection/i);
    assert.doesNotMatch(output, /^\s+at .+:\d+:\d+\)?$/m, "a stack trace");
  }
}
