import { targetFoundAt } from "../../config/resolve.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { plainServer } from "../../redis/topology.ts";
import { hostOf, type Naming } from "./naming.ts";
import { isPlain } from "./replication-members.ts";
import type { HeldServer } from "./servers.ts";

/** A replica that is a seed knows its primary; who else replicates, only the primary knows. */
export function primariesOfSeeds(
  held: readonly HeldServer[],
  { listed }: Naming,
  cluster: string,
): TargetConfig[] {
  return held.flatMap((server) => {
    const primary = server.isListed && isPlain(server) ? server.asked.latestPoll?.primary : null;
    if (!primary) return [];
    const isListed = listed.find(plainServer(primary.host, primary.port, "primary")).length > 0;
    return isListed ? [] : [targetFoundAt(server.target, hostOf(primary), primary.port, cluster)];
  });
}
