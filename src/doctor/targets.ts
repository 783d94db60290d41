import { targetFoundAt } from "../config/resolve.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { NamedServer, Topology } from "../redis/topology.ts";
import { type Finding, Findings } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";
import { ServerExam } from "./server-exam.ts";

/** More at once would be a storm of connections. */
const AT_ONCE = 16;
/** Of a larger fleet the first ones are looked at. */
const SERVERS_MAX = 500;

/**
 * Looks at each target, and at each server that the targets say belongs to their clusters, as discovery would find it:
 * flags and rights are those of each server alone.
 */
export async function examineTargets(options: DoctorOptions): Promise<readonly Finding[]> {
  const { config } = options;
  const seeds = await examineAll(config.targets, options);
  if (config.discovery.observe === "listed") return seeds.flatMap(({ findings }) => findings);
  const known = new Set(seeds.flatMap(({ names }) => names));
  const found = new Map<string, TargetConfig>();
  for (const { target, topology } of seeds) {
    for (const { host, port, aliases } of topology === null ? [] : membersOf(topology)) {
      const member = targetFoundAt(target, host, port, target.cluster);
      if (![member.address, ...aliases].some((name) => known.has(name))) found.set(member.address, member);
    }
  }
  const members = await examineAll([...found.values()].slice(0, SERVERS_MAX), options);
  return [
    ...[...seeds, ...members].flatMap(({ findings }) => findings),
    ...leftOut(found.size - SERVERS_MAX),
  ];
}

function leftOut(count: number): readonly Finding[] {
  if (count <= 0) return [];
  const findings = new Findings("targets");
  findings.warn("members", `${count} more servers were not looked at, only the first ${SERVERS_MAX}`);
  return findings.all;
}

async function examineAll(targets: readonly TargetConfig[], options: DoctorOptions): Promise<ServerExam[]> {
  const exams = targets.map((target) => new ServerExam(target, options));
  const waiting = [...exams];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let exam = waiting.shift(); exam !== undefined; exam = waiting.shift()) {
      if (!options.signal.aborted) await exam.run();
    }
  });
  await Promise.all(workers);
  return exams;
}

function membersOf(topology: Topology): readonly NamedServer[] {
  switch (topology.kind) {
    case "cluster":
      return topology.servers;
    case "sentinel":
      return topology.groups.flatMap(({ servers }) => servers);
    case "replication":
      return [...(topology.primary === null ? [] : [topology.primary]), ...topology.replicas];
  }
}
