import type { TestContext } from "node:test";
import { Agent } from "../../src/agent.ts";
import { defaultConfig } from "../../src/config/load.ts";
import type { Observe } from "../../src/config/schema.ts";
import type { TargetReport } from "../../src/model/target.ts";
import type { TopologyReport } from "../../src/model/topology.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { Message } from "../../src/transport/transport.ts";
import { waitFor } from "./wait.ts";

export interface TestAgentOptions {
  readonly urls: readonly string[];
  readonly observe?: Observe;
  /** Further keys in the form of a file. */
  readonly file?: Readonly<Record<string, unknown>>;
}

/** An agent on real servers, with all that it sends kept. */
export interface TestAgent {
  readonly agent: Agent;
  readonly messages: Message[];
  /** The last view of a cluster. */
  view(cluster?: string): TopologyReport | undefined;
  /** The last report of each target that was reported within the last 1.5 s, by address. */
  reports(): Map<string, TargetReport>;
  /** Waits until a view lists exactly these addresses; returns how long that took, in ms. */
  lists(addresses: readonly string[], timeoutMs?: number, cluster?: string): Promise<number>;
  /** Waits until exactly these targets are reported and watched. */
  watches(addresses: readonly string[], timeoutMs?: number): Promise<number>;
}

/** Starts an agent; it ends with the test `t`. */
export function startAgent(
  t: TestContext,
  { urls, observe = "all", file = {} }: TestAgentOptions,
): TestAgent {
  const config = defaultConfig({
    redisUrls: urls,
    sources: { keyspace: { configure: "ensure" } },
    ...file,
  });
  const messages: Message[] = [];
  const transport = {
    publish: (batch: readonly Message[]) => void messages.push(...batch),
    close: async () => {},
    backlogBytes: 0,
    books: () => [],
  };
  const agent = new Agent({
    config,
    observe,
    transport,
    clock: systemClock,
    logger: silentLogger,
    name: "agent-a",
  });
  t.after(() => agent.stop());
  const view = (cluster = "default") =>
    messages.findLast(
      (message): message is TopologyReport => message.type === "topology" && message.cluster === cluster,
    );
  const reports = () => {
    const fromMs = Date.now() - 1500;
    const found = new Map<string, TargetReport>();
    for (const message of messages) {
      if (message.type === "report" && message.atMs >= fromMs) found.set(message.target, message);
    }
    return found;
  };
  const waitUntil = async (
    what: string,
    actual: () => readonly string[],
    wanted: readonly string[],
    timeoutMs: number,
  ) => {
    const startMs = performance.now();
    const expected = [...wanted].sort().join(" ");
    const isSo = () => {
      const found = [...actual()].sort().join(" ");
      if (found !== expected) throw new Error(`${what} ${found}, not ${expected}`);
      return true;
    };
    await waitFor(`the agent: ${what} ${expected}`, isSo, timeoutMs);
    return performance.now() - startMs;
  };
  return {
    agent,
    messages,
    view,
    reports,
    lists: (addresses, timeoutMs = 10_000, cluster = "default") =>
      waitUntil("it lists", () => view(cluster)?.targets ?? [], addresses, timeoutMs),
    watches: (addresses, timeoutMs = 10_000) =>
      waitUntil(
        "it watches",
        () => [...reports().values()].filter(isWatched).map(({ target }) => target),
        addresses,
        timeoutMs,
      ),
  };
}

function isWatched({ sources }: TargetReport): boolean {
  return sources.some(({ source, state }) => source === "keyspace" && state === "up");
}
