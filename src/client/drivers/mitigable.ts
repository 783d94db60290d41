import type { MitigableClient } from "../mitigation/mitigable-client.ts";
import { mitigableIoredis } from "./ioredis-mitigation.ts";
import { mitigableNodeRedis } from "./node-redis/mitigation.ts";

/** Throws: TypeError where `redis` is no client whose reads can be answered in the server's place. */
export function mitigableClient(redis: object): MitigableClient {
  const client = mitigableIoredis(redis) ?? mitigableNodeRedis(redis);
  if (client !== null) return client;
  throw new TypeError(
    "mitigate: expected a Redis or Cluster of ioredis, or one client of node-redis; for its pools, clusters and sentinels use LocalCache",
  );
}
