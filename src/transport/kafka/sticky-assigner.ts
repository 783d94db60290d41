import { AssignerProtocol, type GroupMember, type PartitionAssigner } from "kafkajs";

const NAME = "keyheat-sticky";
const VERSION = 1;

/**
 * Shares the partitions of topics evenly, and leaves with each member as many of its own as that allows: a partition that
 * moves is read again by its new owner. `owned` is asked at each join, and told to the leader of the group.
 */
export function stickyAssigner(owned: () => readonly number[]): PartitionAssigner {
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: VERSION,
        topics,
        userData: Buffer.from(owned().join(",")),
      }),
    }),
    async assign({ members, topics }) {
      const claims = new Map(members.map((member) => [member.memberId, claimOf(member)]));
      const assignments = new Map<string, Record<string, number[]>>();
      for (const { memberId } of members) assignments.set(memberId, {});
      for (const topic of topics) {
        const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
        for (const [memberId, own] of shareOut(claims, partitions)) {
          const assignment = assignments.get(memberId);
          if (assignment) assignment[topic] = own;
        }
      }
      return Array.from(assignments, ([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: VERSION,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

function claimOf({ memberMetadata }: GroupMember): number[] {
  const text = AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData?.toString("utf8") ?? "";
  return text === "" ? [] : text.split(",").map(Number);
}

/**
 * Who gets what, by member: sizes differ by one at most. Of two members that claim a partition (one of them lost it and
 * does not know yet) the first in the order of names keeps it.
 */
export function shareOut(
  claims: ReadonlyMap<string, readonly number[]>,
  partitions: readonly number[],
): Map<string, number[]> {
  const free = new Set(partitions);
  const shares = new Map<string, number[]>();
  const least = Math.floor(partitions.length / claims.size);
  // So many members get one more: those that have most.
  let larger = partitions.length % claims.size;
  for (const [member, claim] of byClaim(claims)) {
    const own = claim.filter((partition) => free.has(partition));
    const size = own.length > least && larger > 0 ? least + 1 : least;
    if (size > least) larger--;
    const share = own.slice(0, size);
    for (const partition of share) free.delete(partition);
    shares.set(member, share);
  }
  const left = [...free].sort((a, b) => a - b);
  for (const share of shares.values()) while (share.length < least) share.push(left.shift()!);
  for (const share of shares.values()) {
    const next = share.length === least ? left.shift() : undefined;
    if (next !== undefined) share.push(next);
  }
  return shares;
}

function byClaim(claims: ReadonlyMap<string, readonly number[]>): [string, readonly number[]][] {
  return [...claims].sort(([a, own], [b, others]) => others.length - own.length || (a < b ? -1 : 1));
}
