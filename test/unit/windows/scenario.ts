import type { PanePart } from "../../../src/model/pane.ts";
import { bucketOfSlot, coversSlot, type SlotRange, slotOf } from "../../../src/model/slot.ts";
import fc from "../../support/fast-check.ts";
import { makePart, type Row } from "../../support/parts.ts";

export const HOP_MS = 1000;
export const GRACE_MS = 2000;
export const WINDOWS_MS = [2000, 5000];
export const KEYS = Array.from({ length: 9 }, (_, index) => `key:${index}`);
/** The scenario begins here, so that times look like times. */
export const ORIGIN_MS = 1_700_000_000_000;

/** Draws of a scenario: everything in it comes from these, so that a failure shrinks. */
export interface Draws {
  readonly clusterMode: boolean;
  readonly targets: number;
  readonly seconds: number;
  /** Consumed one after the other, over and over. */
  readonly numbers: readonly number[];
  /** Whether some parts never arrive. */
  readonly losesParts: boolean;
  /** Whether some panes are sampled, or watched for a share of their time. */
  readonly samples: boolean;
}

export const draws: fc.Arbitrary<Draws> = fc.record({
  clusterMode: fc.boolean(),
  targets: fc.integer({ min: 1, max: 3 }),
  seconds: fc.integer({ min: 2, max: 9 }),
  numbers: fc.array(fc.nat(9999), { minLength: 60, maxLength: 400 }),
  losesParts: fc.boolean(),
  samples: fc.boolean(),
});

export interface Access {
  readonly atSecond: number;
  readonly key: string;
  readonly write: number;
  readonly miss: number;
}

export interface Delivery {
  readonly atMs: number;
  readonly part: PanePart;
  /** It has been delivered before. */
  readonly again: boolean;
}

export interface Scenario {
  readonly targets: readonly { name: string; slots: readonly SlotRange[] | null }[];
  readonly truth: readonly Access[];
  readonly deliveries: readonly Delivery[];
  readonly endMs: number;
}

/** Random accesses, summarised as an agent may do it at worst, and the times at which the parts arrive. */
export function makeScenario({
  clusterMode,
  targets,
  seconds,
  numbers,
  losesParts,
  samples,
}: Draws): Scenario {
  const next = cycle(numbers);
  const cut = Math.floor(16_384 / targets);
  const sites = Array.from({ length: targets }, (_, index) => ({
    name: `10.0.0.${index}:6379`,
    slots: clusterMode
      ? ([[index * cut, index === targets - 1 ? 16_383 : (index + 1) * cut - 1]] as const)
      : null,
  }));
  const truth: Access[] = [];
  const deliveries: Delivery[] = [];
  for (let second = 0; second < seconds; second++) {
    for (const site of sites) {
      const pane = new Map<string, Counts>();
      for (const key of KEYS) {
        const owned = clusterMode ? coversSlot(site.slots, slotOf(Buffer.from(key))) : true;
        const counts = { write: next(40), miss: next(4) === 0 ? next(20) : 0 };
        if (!owned || next(3) === 0) continue;
        pane.set(key, counts);
        truth.push({ atSecond: second, key, ...counts });
      }
      for (const part of partsOf(site, second, pane, next, samples)) {
        if (losesParts && next(15) === 0) continue;
        const arrives = ORIGIN_MS + (second + 1) * HOP_MS + next(GRACE_MS - 1);
        deliveries.push({ atMs: arrives, part, again: false });
        if (next(4) === 0) deliveries.push({ atMs: arrives + next(3000), part, again: true });
      }
    }
  }
  deliveries.sort((a, b) => a.atMs - b.atMs);
  return { targets: sites, truth, deliveries, endMs: ORIGIN_MS + seconds * HOP_MS };
}

interface Counts {
  write: number;
  miss: number;
}

type Next = (below: number) => number;

const UNSAMPLED = { probability: 1, watchedShare: 1 };

/** The pane of the agent that is always there, and now and then one of a second agent that sees less. */
function partsOf(
  site: Scenario["targets"][number],
  second: number,
  pane: ReadonlyMap<string, Counts>,
  next: Next,
  samples: boolean,
): PanePart[] {
  const isSampled = samples && next(2) === 0;
  const seen = isSampled ? someOf(pane, next) : pane;
  const sampling = isSampled ? drawnSampling(next) : UNSAMPLED;
  const parts = agentParts("agent-a", site, second, seen, next, { complete: true, ...sampling });
  if (next(3) > 0) return parts;
  const less = { complete: false, ...UNSAMPLED };
  return [...parts, ...agentParts("agent-b", site, second, someOf(pane, next), next, less)];
}

/** Any sampling but none; what is kept need not fit it, since what is sure holds whatever was kept. */
function drawnSampling(next: Next) {
  const probability = [1, 1 / 2, 0.7, 1 / 64][next(4)]!;
  return { probability, watchedShare: probability === 1 || next(2) === 0 ? [0.5, 0.1][next(2)]! : 1 };
}

function someOf(pane: ReadonlyMap<string, Counts>, next: Next): ReadonlyMap<string, Counts> {
  return new Map(
    Array.from(
      pane,
      ([key, { write, miss }]) => [key, { write: next(write + 1), miss: next(miss + 1) }] as const,
    ),
  );
}

function agentParts(
  agent: string,
  site: Scenario["targets"][number],
  second: number,
  pane: ReadonlyMap<string, Counts>,
  next: Next,
  watch: Pick<PanePart, "complete" | "probability" | "watchedShare">,
): PanePart[] {
  const buckets = site.slots === null ? 1 : 4;
  const touched = new Set(
    site.slots === null ? [0] : [0, 1, 2, 3].filter((bucket) => touches(site.slots!, bucket)),
  );
  const common = {
    agent,
    target: site.name,
    startMs: ORIGIN_MS + second * HOP_MS,
    buckets,
    slots: site.slots,
    ...watch,
  };
  return [...touched].flatMap((bucket) => {
    const left = new Map(
      Array.from(pane, ([key, counts]) => [key, { ...counts }] as const).filter(
        ([key]) => site.slots === null || bucketOfSlot(slotOf(Buffer.from(key)), buckets) === bucket,
      ),
    );
    const early = Array.from({ length: next(3) }, (_, part) =>
      makePart({ ...common, bucket, part, closing: false, rows: takeEarly(left, next) }),
    );
    const floor = next(3) === 0 ? next(25) : 0;
    const rows = closingRows(left, floor, next);
    return [...early, makePart({ ...common, bucket, part: early.length, floor, rows })];
  });
}

function touches(slots: readonly SlotRange[], bucket: number): boolean {
  return slots.some(([first, last]) => bucketOfSlot(first, 4) <= bucket && bucket <= bucketOfSlot(last, 4));
}

/** Some of what a few keys have so far leaves early; their entries go on from there. */
function takeEarly(left: Map<string, Counts>, next: Next): Row[] {
  const rows: Row[] = [];
  for (const [key, counts] of left) {
    if (next(3) > 0) continue;
    const write = next(counts.write + 1);
    const miss = next(counts.miss + 1);
    counts.write -= write;
    counts.miss -= miss;
    rows.push({ key, write, miss });
  }
  return rows;
}

/** Keys at most at the floor may go; of the others some accesses are only maybes, or came before they were tracked. */
function closingRows(left: ReadonlyMap<string, Counts>, floor: number, next: Next): Row[] {
  const rows: Row[] = [];
  for (const [key, { write, miss }] of left) {
    if (write + miss <= floor && next(2) === 0) continue;
    const hidden = Math.min(write, floor === 0 ? 0 : next(floor + 1));
    const doubted = next(3) === 0 ? Math.min(write - hidden, next(8)) : 0;
    const error = floor === 0 ? 0 : Math.max(hidden, next(floor + 1));
    rows.push({
      key,
      write: write - hidden - doubted,
      miss,
      maybe: doubted + next(3),
      error: Math.min(error, floor),
    });
  }
  return rows;
}

function cycle(numbers: readonly number[]): Next {
  let index = 0;
  return (below) => {
    if (below <= 1) return 0;
    index = (index + 1) % numbers.length;
    // The index is mixed in, so that a short list does not repeat itself at once.
    return (numbers[index]! * 31 + index * 7) % below;
  };
}

/** What truly happened to a key in `[fromMs, toMs)`. */
export function truthOf(
  scenario: Scenario,
  key: string,
  fromMs: number,
  toMs: number,
): Counts & { total: number } {
  const sum = { write: 0, miss: 0, total: 0 };
  for (const access of scenario.truth) {
    const atMs = ORIGIN_MS + access.atSecond * HOP_MS;
    if (access.key !== key || atMs < fromMs || atMs >= toMs) continue;
    sum.write += access.write;
    sum.miss += access.miss;
    sum.total += access.write + access.miss;
  }
  return sum;
}
