import type { TargetConfig } from "../config/schema.ts";
import { type Finding, Findings } from "./finding.ts";
import { KnownServers } from "./known-servers.ts";
import type { DoctorOptions } from "./options.ts";
import { OwnHosts } from "./own-hosts.ts";
import { findPods } from "./pods.ts";
import { ServerExam } from "./server-exam.ts";

/** More at once would be a storm of connections. */
const AT_ONCE = 16;
/** Of a larger fleet the first ones are looked at. */
const SERVERS_MAX = 500;

/**
 * Looks at each target, and at each server that these say belongs to their clusters, and so on, as discovery would find
 * it, pods included: flags and rights are those of each server alone.
 */
export async function examineTargets(options: DoctorOptions): Promise<readonly Finding[]> {
  const pods = await findPods(options);
  const targets = [...options.config.targets, ...pods.targets];
  const known = new KnownServers();
  const seeds = await examineAll(
    targets.map((target) => new ServerExam(target, options)),
    options,
  );
  for (const seed of seeds) known.add(seed);
  noteDoubles(seeds);
  for (const seed of seeds) seed.noteCluster();
  const all = [...seeds];
  let leftOut = 0;
  for (let next = await watched(known.newcomers(seeds), options); next.length > 0; ) {
    const room = Math.max(0, targets.length + SERVERS_MAX - all.length);
    leftOut += Math.max(0, next.length - room);
    const exams = next.slice(0, room).map((target) => new ServerExam(target, options, { isFound: true }));
    await examineAll(exams, options);
    for (const exam of exams) known.add(exam);
    all.push(...exams.filter((exam) => !all.some((other) => isSame(exam, other))));
    next = await watched(known.newcomers(exams), options);
  }
  return [...pods.findings, ...all.flatMap(({ findings }) => findings), ...noteLeftOut(leftOut)];
}

function isSame(a: ServerExam, b: ServerExam): boolean {
  return a.runId !== null && a.runId === b.runId;
}

function noteDoubles(seeds: readonly ServerExam[]): void {
  seeds.forEach((seed, index) => {
    const first = seeds.slice(0, index).find((other) => isSame(seed, other));
    if (first) seed.noteDouble(first.target.address);
  });
}

/** Of the servers that were found, those that Keyheat would watch. */
async function watched(
  found: readonly TargetConfig[],
  { config, clock }: DoctorOptions,
): Promise<TargetConfig[]> {
  const { observe } = config.discovery;
  if (observe === "listed") return [];
  if (observe !== "local") return [...found];
  const hosts = new OwnHosts(clock);
  const isLocal = await Promise.all(
    found.map(({ endpoint }) => ("host" in endpoint ? hosts.isLocal(endpoint.host) : true)),
  );
  return found.filter((_, index) => isLocal[index]);
}

function noteLeftOut(count: number): readonly Finding[] {
  if (count <= 0) return [];
  const findings = new Findings("targets");
  findings.warn("members", `${count} more servers were not looked at, only the first ${SERVERS_MAX}`);
  return findings.all;
}

async function examineAll(exams: ServerExam[], options: DoctorOptions): Promise<ServerExam[]> {
  const waiting = [...exams];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let exam = waiting.shift(); exam !== undefined; exam = waiting.shift()) {
      if (!options.signal.aborted) await exam.run();
    }
  });
  await Promise.all(workers);
  return exams;
}
