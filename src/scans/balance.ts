import { rounded } from "../model/rounded.ts";
import { delayUnless } from "../runtime/clock.ts";
import { reasonOf } from "../runtime/reason.ts";
import { type ExplainedSlot, explained, type HotSlot, hottestSlots } from "./balance/hot-slots.ts";
import { type Balance, compared, type MeasuredNode } from "./balance/node-comparison.ts";
import { activityBetween, type Reading, readServer } from "./balance/reading.ts";
import { readSlotStats, type SlotStats } from "./balance/slot-stats.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import type { ScanServer } from "./scan-server.ts";

export interface BalanceScanOptions {
  /** Length of the interval over which rates are measured. */
  readonly seconds: number;
}

export interface BalanceScan extends Balance {
  /** How long was measured; less than asked for where it was stopped. */
  readonly seconds: number;
  /** Most CPU first; `null` where no server counts by slot. */
  readonly hottestSlots: readonly ExplainedSlot[] | null;
  /** Whether the servers count by slot: `absent` where none of them can, or the user may not ask. */
  readonly slotStats: SlotStats["state"];
}

const PROGRESS_MS = 200;
const HOT_SLOTS_MAX = 10;

/** The nodes side by side, with what each did in an interval, and the hottest slots where servers count by slot. */
export async function scanBalance(
  context: ScanContext,
  { seconds }: BalanceScanOptions,
): Promise<ScanOutcome<BalanceScan>> {
  const probes = context.servers.map((server) => new NodeProbe(server, context));
  await Promise.all(probes.map((probe) => probe.start()));
  await waitFor(seconds, context);
  await Promise.all(probes.map((probe) => probe.finish()));
  const missing = probes.flatMap(({ address, problem }) =>
    problem === null ? [] : [`${address}: ${problem}`],
  );
  const nodes = probes.flatMap((probe) => probe.node() ?? []);
  if (nodes.length === 0) throw new Error(missing.join("; "));
  const restarted = nodes.filter(({ opsPerSecond }) => opsPerSecond === null);
  return {
    body: {
      seconds: longestOf(probes),
      ...compared(nodes),
      ...(await hotSlotsOf(probes)),
    },
    missing: [
      ...missing,
      ...restarted.map(
        ({ target }) => `${target}: it was restarted, or its counters reset, while it was measured`,
      ),
    ],
    limits: [],
  };
}

async function waitFor(seconds: number, { clock, signal, onProgress }: ScanContext): Promise<void> {
  const startMs = clock.monotonic();
  const total = seconds * 1000;
  for (let done = 0; done < total && !signal.aborted; done = clock.monotonic() - startMs) {
    onProgress({ done, total, unit: "ms" });
    await delayUnless(signal, Math.min(PROGRESS_MS, total - done), clock);
  }
}

/** One server before and after. */
class NodeProbe {
  readonly server: ScanServer;
  readonly #monotonic: () => number;
  #first: Reading | null = null;
  #second: Reading | null = null;
  #slotsBefore: SlotStats = { state: "absent" };
  #slotsAfter: SlotStats = { state: "absent" };
  problem: string | null = null;

  constructor(server: ScanServer, { clock }: ScanContext) {
    this.server = server;
    this.#monotonic = () => clock.monotonic();
  }

  get address(): string {
    return this.server.address;
  }

  /** Whether it counts by slot. */
  get slotStats(): SlotStats["state"] {
    return this.#slotsAfter.state;
  }

  get seconds(): number {
    const firstMs = this.#first?.takenAtMs ?? 0;
    return ((this.#second?.takenAtMs ?? firstMs) - firstMs) / 1000;
  }

  async start(): Promise<void> {
    await this.#noting(async () => {
      this.#slotsBefore = await readSlotStats(this.server, this.#monotonic);
      this.#first = await readServer(this.server, this.#monotonic);
    });
  }

  async finish(): Promise<void> {
    if (this.problem !== null) return;
    await this.#noting(async () => {
      this.#second = await readServer(this.server, this.#monotonic);
      this.#slotsAfter =
        this.#slotsBefore.state === "on"
          ? await readSlotStats(this.server, this.#monotonic)
          : this.#slotsBefore;
    });
  }

  node(): MeasuredNode | null {
    const { server } = this;
    if (this.#first === null || this.#second === null) return null;
    const { keys, usedMemoryBytes, connectedClients } = this.#second;
    const { role, slots } = server.poll;
    return {
      target: server.address,
      role,
      slots: slots?.reduce((sum, [first, last]) => sum + last - first + 1, 0) ?? null,
      keys,
      usedMemoryBytes,
      connectedClients,
      ...activityBetween(this.#first, this.#second),
    };
  }

  hotSlots(): readonly HotSlot[] {
    const before = this.#slotsBefore;
    const after = this.#slotsAfter;
    if (before.state !== "on" || after.state !== "on") return [];
    // Longer than that of the node: the slots are read around it, at a small budget for seconds.
    const seconds = (after.takenAtMs - before.takenAtMs) / 1000;
    return hottestSlots(this.address, before.slots, after.slots, seconds);
  }

  async #noting(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (err) {
      this.problem = reasonOf(err);
    }
  }
}

function longestOf(probes: readonly NodeProbe[]): number {
  return rounded(Math.max(...probes.map(({ seconds }) => seconds)), 3);
}

async function hotSlotsOf(
  probes: readonly NodeProbe[],
): Promise<Pick<BalanceScan, "hottestSlots" | "slotStats">> {
  const states = probes.map(({ slotStats }) => slotStats);
  if (!states.includes("on"))
    return { hottestSlots: null, slotStats: states.includes("off") ? "off" : "absent" };
  const hottest = probes
    .flatMap((probe) => probe.hotSlots().map((slot) => ({ server: probe.server, slot })))
    .sort((a, b) => b.slot.cpuShare - a.slot.cpuShare)
    .slice(0, HOT_SLOTS_MAX);
  const slots = await Promise.all(hottest.map(({ server, slot }) => explainedOrNot(server, slot)));
  return { hottestSlots: slots, slotStats: "on" };
}

/** What was measured stands, also where the server is lost before it is explained. */
function explainedOrNot(server: ScanServer, slot: HotSlot): Promise<ExplainedSlot> {
  return explained(server, slot).catch(() => ({ ...slot, explainedBy: null }));
}
