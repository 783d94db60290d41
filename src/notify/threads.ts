import type { Incident, IncidentGroup } from "../model/incident.ts";
import type { Notice } from "./notice.ts";
import type { Receiver } from "./receivers/receiver.ts";

/** The threads of one receiver. */
interface Index {
  /** By incident. */
  readonly threads: Map<string, string>;
  /** Incidents by thread: those that the receiver heard of, and those that it is yet to hear of. */
  readonly members: Map<string, Set<string>>;
}

/**
 * Which incidents the service of a receiver that keeps threads knows as one.
 *
 * The incidents of a message that have no thread yet begin one, named after the oldest of them; each stays in its own,
 * whatever it leaves together with later. A thread stands in the log of what was told, so it outlives the process; and as
 * its name follows from the incidents, a message that was sent but not logged goes to the same one again.
 */
export class Threads {
  /** By receiver. */
  readonly #indexes: ReadonlyMap<string, Index>;
  readonly #isOpenTo: (receiver: string, incidentId: string) => boolean;

  /** `isOpenTo`: whether a receiver has heard of an incident, and neither heard nor is just being told of its end. */
  constructor(receivers: readonly Receiver[], isOpenTo: (receiver: string, incidentId: string) => boolean) {
    this.#indexes = new Map(
      receivers
        .filter(({ keepsThreads }) => keepsThreads)
        .map(({ name }) => [name, { threads: new Map(), members: new Map() }]),
    );
    this.#isOpenTo = isOpenTo;
  }

  /** Takes in an incident with its log. */
  adopt({ id, notified }: Pick<Incident, "id" | "notified">): void {
    for (const [name, index] of this.#indexes) {
      if (index.threads.has(id)) continue;
      const entry = notified.findLast(({ receiver, thread }) => receiver === name && thread !== undefined);
      if (entry?.thread !== undefined) join(index, id, entry.thread);
    }
  }

  forget(id: string): void {
    for (const { threads, members } of this.#indexes.values()) {
      const thread = threads.get(id);
      if (thread === undefined) continue;
      threads.delete(id);
      const others = members.get(thread);
      others?.delete(id);
      if (others?.size === 0) members.delete(thread);
    }
  }

  /** Splits what leaves together for one receiver into its messages. `startedAtMs`: of an incident. */
  split(
    notices: readonly Notice[],
    startedAtMs: (incidentId: string) => number,
  ): readonly (readonly Notice[])[] {
    const index = this.#indexOf(notices);
    if (index === undefined) return [notices];
    const ids = notices.map(({ incidentId }) => incidentId).filter((id) => !index.threads.has(id));
    const [oldest] = ids.toSorted((one, other) => {
      return startedAtMs(one) - startedAtMs(other) || (one < other ? -1 : 1);
    });
    if (oldest !== undefined) for (const id of ids) join(index, id, oldest);
    for (const notice of notices) notice.thread = index.threads.get(notice.incidentId) ?? notice.incidentId;
    return [...Map.groupBy(notices, ({ thread }) => thread).values()];
  }

  /** The thread of a message. */
  of(notices: readonly Notice[]): Pick<IncidentGroup, "thread"> {
    const [first] = notices;
    const id = first?.thread;
    if (first === undefined || id === undefined) return {};
    const told = new Set(notices.map(({ incidentId }) => incidentId));
    const members = [...(this.#indexOf(notices)?.members.get(id) ?? [])];
    const isOver = members.every((member) => told.has(member) || !this.#isOpenTo(first.receiver, member));
    return { thread: { id, isOver } };
  }

  #indexOf([first]: readonly Notice[]): Index | undefined {
    return this.#indexes.get(first?.receiver ?? "");
  }
}

function join({ threads, members }: Index, incidentId: string, thread: string): void {
  threads.set(incidentId, thread);
  const others = members.get(thread);
  if (others === undefined) members.set(thread, new Set([incidentId]));
  else others.add(incidentId);
}
