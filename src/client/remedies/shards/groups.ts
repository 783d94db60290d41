import { ShardClosed } from "./shards.ts";

/** A script of more fields would hold up the server for more than about a millisecond. */
const GROUP_MAX = 500;

export interface Group<Member> {
  readonly place: number;
  readonly members: Member[];
}

/** Members by place, at most 500 together. */
export function groupsBy<Member>(
  members: readonly Member[],
  placeOf: (member: Member) => number,
): Group<Member>[] {
  const groups: Group<Member>[] = [];
  const open = new Map<number, Group<Member>>();
  for (const member of members) {
    const place = placeOf(member);
    let group = open.get(place);
    if (group === undefined || group.members.length === GROUP_MAX) {
      group = { place, members: [] };
      open.set(place, group);
      groups.push(group);
    }
    group.members.push(member);
  }
  return groups;
}

/**
 * Sends all groups at once and waits for each, also where one fails.
 *
 * Throws: what failed; ShardClosed where shards refused and nothing else failed.
 */
export async function sendGroups<Member>(
  groups: readonly Group<Member>[],
  send: (group: Group<Member>) => Promise<void>,
): Promise<void> {
  if (groups.length === 1) return await send(groups[0]!);
  const outcomes = await Promise.allSettled(groups.map(send));
  const reasons = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
  const failures = reasons.filter((reason) => !(reason instanceof ShardClosed));
  const [first = reasons[0]] = failures;
  if (first === undefined) return;
  if (failures.length === 0) throw first;
  const message = first instanceof Error ? first.message : String(first);
  throw new Error(
    `${failures.length} of ${groups.length} shards failed, the others have done their part: ${message}`,
    { cause: first },
  );
}
