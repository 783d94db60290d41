import { keep, type ShownKey, showKey } from "../../model/key.ts";
import { rounded } from "../../model/rounded.ts";
import { askInGroups } from "../command-groups.ts";
import type { ScanServer } from "../scan-server.ts";
import { TopList } from "../top-list.ts";
import type { SlotStat } from "./slot-stats.ts";

/** What one slot cost its server, each second of the interval. */
export interface HotSlot {
  readonly slot: number;
  readonly target: string;
  readonly keys: number;
  /** Of one processor. */
  readonly cpuShare: number;
  readonly networkInBytesPerSecond: number;
  readonly networkOutBytesPerSecond: number;
}

/** The key that explains a slot: it is the only one there, or its LFU frequency stands out. */
export interface Explanation extends ShownKey {
  readonly db: 0;
  readonly because: "only-key" | "frequency";
}

export type ExplainedSlot = HotSlot & { readonly explainedBy: Explanation | null };

const SLOTS_MAX = 10;
/** Keys of a slot that are looked at: an answer with more could take the server long. */
const KEYS_MAX = 100;
/** LFU frequencies are logarithmic: by so much more, a key was used many times as often. */
const STANDS_OUT = 20;

/** The slots that cost most CPU between two readings, of one server. Pure. */
export function hottestSlots(
  target: string,
  first: ReadonlyMap<number, SlotStat>,
  second: ReadonlyMap<number, SlotStat>,
  seconds: number,
): readonly HotSlot[] {
  const hottest = new TopList<HotSlot>(SLOTS_MAX, ({ cpuShare }) => cpuShare);
  for (const after of second.values()) {
    const before = first.get(after.slot);
    // A slot that has just come, or whose counts were reset, has no past here.
    if (before === undefined || after.cpuMicroseconds <= before.cpuMicroseconds) continue;
    const perSecond = (earlier: number, later: number) => Math.max(0, later - earlier) / seconds;
    hottest.offer({
      slot: after.slot,
      target,
      keys: after.keys,
      cpuShare: rounded(perSecond(before.cpuMicroseconds, after.cpuMicroseconds) / 1e6, 4),
      networkInBytesPerSecond: rounded(perSecond(before.networkInBytes, after.networkInBytes), 0),
      networkOutBytesPerSecond: rounded(perSecond(before.networkOutBytes, after.networkOutBytes), 0),
    });
  }
  return hottest.items();
}

/** Looks for one key that explains a slot; a user who may not look does without. Throws: `TargetError` for a lost server. */
export async function explained(server: ScanServer, slot: HotSlot): Promise<ExplainedSlot> {
  const [answer] = await server.ask([["CLUSTER", "GETKEYSINSLOT", slot.slot, KEYS_MAX]]);
  const found = answer && "value" in answer && Array.isArray(answer.value) ? (answer.value as unknown[]) : [];
  const keys = found.filter((key) => Buffer.isBuffer(key));
  const [only] = keys;
  if (keys.length === 1 && slot.keys === 1 && only !== undefined)
    return { ...slot, explainedBy: explanation(only, "only-key") };
  const outstanding = keys.length < KEYS_MAX ? await outstandingOf(server, keys) : null;
  return { ...slot, explainedBy: outstanding && explanation(outstanding, "frequency") };
}

async function outstandingOf(server: ScanServer, keys: readonly Buffer[]): Promise<Buffer | null> {
  if (keys.length === 0) return null;
  const answers = await askInGroups(
    server,
    keys.map((key) => ["OBJECT", "FREQ", key]),
  );
  const ranked = answers
    .flatMap((answer, index) => {
      const key = keys[index];
      const isCount = key !== undefined && "value" in answer && typeof answer.value === "number";
      return isCount ? [{ key, frequency: Number(answer.value) }] : [];
    })
    .sort((a, b) => b.frequency - a.frequency);
  const [first, second] = ranked;
  if (first === undefined || second === undefined) return null;
  return first.frequency - second.frequency >= STANDS_OUT ? first.key : null;
}

function explanation(key: Buffer, because: Explanation["because"]): Explanation {
  return { ...showKey(keep(key)), db: 0, because };
}
