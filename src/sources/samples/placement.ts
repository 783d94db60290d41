import { rawKeySlot } from "../../model/key.ts";
import { SLOT_COUNT, type SlotRange } from "../../model/slot.ts";
import type { Role } from "../../model/target.ts";
import type { Sample } from "./sample.ts";

/** A server that this agent knows. */
export interface KnownTarget {
  readonly cluster: string;
  /** `host:port`, `[::1]:6379` or `unix:///path`. */
  readonly address: string;
  /** What else clients may call it: its resolved address. */
  readonly aliases: readonly string[];
  readonly role: Role;
  /** `null` outside Cluster mode, and before it is known. */
  readonly slots: readonly SlotRange[] | null;
}

/** Where the accesses of a sample are counted. */
export interface Place {
  /** Tells places apart. */
  readonly id: string;
  readonly cluster: string;
  /** Empty: no server of this agent's; they count for the key, but for no share. */
  readonly target: string;
}

/** Finds the server that a sample speaks of. */
export class Placement {
  readonly #cluster: string;
  readonly #byName = new Map<string, Place>();
  readonly #slots = new Map<string, readonly SlotRange[] | null>();
  /** Primaries in Cluster mode. */
  #sharded: readonly KnownTarget[] = [];
  /** By slot, made when it is first asked for; `null`: nobody has it, or two claim it. */
  #owners: (Place | null)[] | null = null;
  #only: Place | null = null;
  /** Whether nobody but `#only` could have answered. */
  #isAlone = false;
  #nowhere: Place;
  /** Samples of one batch mostly name one server. */
  #lastName: string | null = null;
  #lastPlace: Place | undefined;

  /** `cluster`: of samples whose cluster cannot be told. */
  constructor(cluster: string) {
    this.#cluster = cluster;
    this.#nowhere = placeAt(cluster, "");
  }

  /** Takes note of what is known now. */
  update(targets: readonly KnownTarget[]): void {
    this.#byName.clear();
    this.#slots.clear();
    this.#lastName = null;
    this.#owners = null;
    for (const { cluster, address, slots } of targets) {
      const name = canonicalName(address);
      const place = placeAt(cluster, address);
      this.#slots.set(place.id, slots);
      // Of two names for one server the first stands.
      if (!this.#byName.has(name)) this.#byName.set(name, place);
    }
    for (const { cluster, address, aliases } of targets) {
      for (const name of aliases.map(canonicalName)) {
        if (!this.#byName.has(name)) this.#byName.set(name, placeAt(cluster, address));
      }
    }
    this.#sharded = targets.filter(({ slots, role }) => slots !== null && role !== "replica");
    this.#only = onlyPrimary(targets);
    this.#isAlone = targets.length === 1;
    const clusters = new Set(targets.map(({ cluster }) => cluster));
    const [first = this.#cluster] = clusters;
    this.#nowhere = placeAt(clusters.size === 1 ? first : this.#cluster, "");
  }

  placeOf({ target, key }: Sample): Place {
    const named = target === null ? undefined : this.#named(target);
    if (named) return named;
    if (this.#sharded.length === 0) {
      // Under a name that nobody knows, a replica beside the primary may have answered as well.
      const isOfOnly = target === null || this.#isAlone;
      return (isOfOnly ? this.#only : null) ?? this.#nowhere;
    }
    this.#owners ??= ownersOf(this.#sharded);
    return this.#owners[rawKeySlot(Buffer.from(key, "latin1"))] ?? this.#nowhere;
  }

  /** The slots of a target as they were at the last update. */
  slotsOf({ id }: Place): readonly SlotRange[] | null {
    return this.#slots.get(id) ?? null;
  }

  #named(target: string): Place | undefined {
    if (target !== this.#lastName) {
      this.#lastPlace = this.#byName.get(canonicalName(target));
      this.#lastName = target;
    }
    return this.#lastPlace;
  }
}

function ownersOf(primaries: readonly KnownTarget[]): (Place | null)[] {
  const owners: (Place | null | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  for (const { cluster, address, slots } of primaries) {
    const place = placeAt(cluster, address);
    for (const [first, last] of slots ?? []) {
      for (let slot = first; slot <= last; slot++) owners[slot] = owners[slot] === undefined ? place : null;
    }
  }
  return owners.map((owner) => owner ?? null);
}

/** A server that was not reached yet is taken for a primary where there is no other. */
function onlyPrimary(targets: readonly KnownTarget[]): Place | null {
  const primaries = targets.filter(({ role }) => role === "primary");
  const candidates = primaries.length > 0 ? primaries : targets.filter(({ role }) => role === "unknown");
  const [only] = candidates;
  return only && candidates.length === 1 ? placeAt(only.cluster, only.address) : null;
}

export function placeAt(cluster: string, target: string): Place {
  return { id: `${cluster} ${target}`, cluster, target };
}

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[?::1\]?|\[?::ffff:127\.0\.0\.1\]?):(\d+)$/;
const MAPPED = /^\[?::ffff:(\d+\.\d+\.\d+\.\d+)\]?:(\d+)$/;

/** One name of a server, whichever way it is written. */
function canonicalName(address: string): string {
  const name = address.startsWith("unix:") ? address : address.toLowerCase();
  const port = LOOPBACK.exec(name)?.[1];
  if (port !== undefined) return `localhost:${port}`;
  const [, ip, mappedPort] = MAPPED.exec(name) ?? [];
  return ip === undefined ? name : `${ip}:${mappedPort}`;
}
