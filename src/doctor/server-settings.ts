import type { TargetPoll } from "../redis/poll.ts";
import type { Session } from "../redis/session.ts";
import type { Findings } from "./finding.ts";

const SETTINGS = ["client-output-buffer-limit", "maxclients", "maxmemory-policy"] as const;

/** A subscriber whose buffer may hold less is cut off by a burst of events. */
const BUFFER_BYTES_WANTED = 256 * 2 ** 20;
const CLIENTS_FULL_SHARE = 0.9;

/** Settings that hurt later. A user who may not read them is not told so here: it costs nothing else. */
export async function noteSettings(findings: Findings, session: Session, poll: TargetPoll): Promise<void> {
  const answers = await session.ask(SETTINGS.map((name) => ["CONFIG", "GET", name]));
  const [buffers, maxClients, policy] = answers.map((answer) => {
    const pair = "value" in answer && Array.isArray(answer.value) ? (answer.value as unknown[]) : [];
    return typeof pair[1] === "string" ? pair[1] : null;
  });
  if (buffers) noteBuffer(findings, buffers);
  if (maxClients) noteClients(findings, Number(maxClients), poll.clients);
  if (policy) noteKeyFrequencies(findings, policy);
}

/** `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`; 0 is no limit. */
function noteBuffer(findings: Findings, setting: string): void {
  const hardBytes = Number(/pubsub (\d+)/.exec(setting)?.[1] ?? 0);
  if (hardBytes === 0 || hardBytes >= BUFFER_BYTES_WANTED) return;
  const mebibytes = Math.round(hardBytes / 2 ** 20);
  findings.warn(
    "buffers",
    `a subscriber that stalls is cut off at ${mebibytes} MiB, some ${mebibytes * 13},000 events; more room outlives longer bursts`,
    'CONFIG SET client-output-buffer-limit "pubsub 256mb 64mb 60"',
  );
}

function noteClients(findings: Findings, most: number, clients: number | null): void {
  if (clients === null || !(most > 0) || clients < most * CLIENTS_FULL_SHARE) return;
  findings.warn(
    "clients",
    `${clients} of ${most} clients are connected: soon nobody gets in`,
    `CONFIG SET maxclients ${most * 2}`,
  );
}

function noteKeyFrequencies(findings: Findings, policy: string): void {
  const isLfu = policy.includes("lfu");
  findings.info(
    "policy",
    `maxmemory-policy is ${policy}${isLfu ? "" : ": keyheat scan hot needs an LFU one"}`,
  );
}
