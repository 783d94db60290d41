import type { Kind, Vantage } from "../model/access.ts";

/** Every vantage; its place here is its index in the engine's arrays. */
export const VANTAGES: readonly Vantage[] = [
  "server-events",
  "clients",
  "traces",
  "server-commands",
  "requests",
];

/** Which vantage a source of a target report watches. Only these are expected to deliver panes. */
export const VANTAGE_OF_SOURCE: ReadonlyMap<string, Vantage> = new Map([["keyspace", "server-events"]]);

/** Whether panes of several agents for one interval hold different accesses, so that they are added. */
export function isAdditive(vantage: Vantage): boolean {
  return vantage === "clients" || vantage === "traces";
}

/** Whether what it says is the word of others than servers: it is held to what those ran. */
export function isClaim(vantage: Vantage): boolean {
  return vantage === "clients" || vantage === "traces";
}

/** Kinds as bits: what a vantage sees, or is complete for. */
export const READ_BIT = 1;
export const WRITE_BIT = 2;
export const MISS_BIT = 4;
export const ALL_KIND_BITS = READ_BIT | WRITE_BIT | MISS_BIT;

export const KIND_BIT: Readonly<Record<Kind, number>> = { read: READ_BIT, write: WRITE_BIT, miss: MISS_BIT };

export function kindBits(kinds: readonly Kind[]): number {
  let bits = 0;
  for (const kind of kinds) bits |= KIND_BIT[kind];
  return bits;
}
