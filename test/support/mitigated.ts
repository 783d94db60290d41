import type { TestContext } from "node:test";
import { type MitigateOptions, type Observation, observe } from "../../src/client/index.ts";
import { type HotSetAgent, startHotSetAgent } from "./hot-set-agent.ts";
import { waitFor } from "./wait.ts";

/** Longer than any test: what is new has come by an invalidation. */
export const LONG_TTL_MS = 600_000;

export interface Mitigated {
  readonly agent: HotSetAgent;
  readonly observation: Observation;
  hits(): number;
  /** Until reads by `get` are answered from memory. */
  isCooled(get: () => Promise<unknown>): Promise<void>;
}

/** Observes a client that cools `keys` (as the server has them) from the moment on at which the agent leases them. */
export async function mitigate(
  t: TestContext,
  redis: object,
  keys: readonly string[],
  options: MitigateOptions = {},
): Promise<Mitigated> {
  const agent = await startHotSetAgent(
    t,
    keys.map((key) => ({ key })),
  );
  const observation = observe(redis, {
    service: "shop",
    agent: agent.url,
    sampleRate: 1,
    mitigate: { ttlMs: LONG_TTL_MS, ...options },
  });
  t.after(() => observation.stop());
  const stats = () => {
    if (observation.mitigation === null) throw new Error("it is not mitigated");
    return observation.mitigation;
  };
  await waitFor("the leases", () => stats().state === "live" && stats().keys.length === keys.length);
  return {
    agent,
    observation,
    hits: () => stats().hits,
    isCooled: async (get) => {
      await waitFor(
        "a hit",
        async () => {
          const { hits, tracking } = stats();
          await get();
          return (tracking === "on" || tracking === "off") && stats().hits > hits;
        },
        30_000,
        1,
      );
    },
  };
}
