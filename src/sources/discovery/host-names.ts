import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { isLoopback } from "../../config/http.ts";
import { plainIp } from "../../redis/peer.ts";
import type { Clock } from "../../runtime/clock.ts";

const KNOWN_MS = 60_000;
const FAILED_MS = 5000;
const OWN_ADDRESSES_MS = 10_000;
const NAMES_MAX = 10_000;

interface Known {
  /** Empty: it could not be resolved. `null`: the first look-up is under way. */
  addresses: readonly string[] | null;
  dueMs: number;
  isAsking: boolean;
}

export interface HostNamesOptions {
  readonly clock: Clock;
  /** A name has got other addresses than it had. */
  readonly onChange: () => void;
  /** All addresses of a name. Throws where there are none. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Addresses of this host's interfaces. */
  readonly ownAddresses?: () => readonly string[];
}

/** What host names stand for, and which of them are this host: resolved in the background, and kept for a while. */
export class HostNames {
  readonly #options: Required<HostNamesOptions>;
  readonly #names = new Map<string, Known>();
  #own: ReadonlySet<string> = new Set();
  #ownDueMs = Number.NEGATIVE_INFINITY;
  #alsoLocal: ReadonlySet<string> = new Set();

  constructor(options: HostNamesOptions) {
    this.#options = { resolve: resolveAll, ownAddresses: addressesOfInterfaces, ...options };
  }

  /** IP addresses of a host; empty: it has none. `null`: not known yet, `onChange` will tell. */
  addressesOf(host: string): readonly string[] | null {
    if (isIP(host) !== 0) return [canonicalIp(host)];
    const nowMs = this.#options.clock.monotonic();
    const known = this.#names.get(host) ?? this.#newName(host);
    if (!known.isAsking && nowMs >= known.dueMs) void this.#look(host, known);
    return known.addresses;
  }

  /** Whether a host is this one; `null`: not known yet. */
  isLocal(host: string): boolean | null {
    return this.addressesOf(host)?.some((address) => isLoopback(address) || this.#isOwn(address)) ?? null;
  }

  /** Addresses that count as this host's from now on, in the form of `canonicalIp`: those of pods on the same node. */
  setAlsoLocal(addresses: readonly string[]): void {
    this.#alsoLocal = new Set(addresses);
  }

  #newName(host: string): Known {
    const [oldest] = this.#names.keys();
    if (this.#names.size >= NAMES_MAX && oldest !== undefined) this.#names.delete(oldest);
    const known: Known = { addresses: null, dueMs: Number.NEGATIVE_INFINITY, isAsking: false };
    this.#names.set(host, known);
    return known;
  }

  async #look(host: string, known: Known): Promise<void> {
    const { resolve, clock, onChange } = this.#options;
    known.isAsking = true;
    const found = await resolve(host).catch(() => null);
    known.isAsking = false;
    known.dueMs = clock.monotonic() + (found ? KNOWN_MS : FAILED_MS);
    // A resolver that is away for a moment does not make a known name unknown.
    const addresses = found?.map(canonicalIp).sort() ?? known.addresses ?? [];
    const isNews = addresses.join() !== known.addresses?.join();
    known.addresses = addresses;
    if (isNews) onChange();
  }

  #isOwn(address: string): boolean {
    if (this.#alsoLocal.has(address)) return true;
    const nowMs = this.#options.clock.monotonic();
    if (nowMs >= this.#ownDueMs) {
      this.#own = new Set(this.#options.ownAddresses().map(canonicalIp));
      this.#ownDueMs = nowMs + OWN_ADDRESSES_MS;
    }
    return this.#own.has(address);
  }
}

/** One way to write an address: IPv4 mapped into IPv6 as IPv4, no zone, lower case. */
export function canonicalIp(ip: string): string {
  return plainIp(ip.replace(/%.*$/, "")).toLowerCase();
}

async function resolveAll(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

function addressesOfInterfaces(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}
