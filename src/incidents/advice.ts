import { type Heat, ratePerSecond } from "../model/heat.ts";
import type { Advice } from "../model/incident.ts";
import type { Facts } from "../model/target.ts";

/** From this size on, what a read costs is the value's bytes, not the command. */
export const LARGE_VALUE_BYTES = 10 * 1024;

/** A miss storm: at least so large a part of the reads found nothing. */
const MISS_SHARE = 0.5;

const COUNTER_COMMANDS = new Set(["incr", "incrby", "incrbyfloat", "decr", "decrby"]);
const COLLECTIONS = new Set(["hash", "set", "list", "zset", "stream"]);
/** Commands and keyspace events of collections, where the type is not known. */
const COLLECTION_COMMAND =
  /^(h|s|z|x|l|r)(set|setnx|mset|incrby|incrbyfloat|del|add|rem|incr|push|pop|trim)x?$/;

interface Mix {
  readonly heat: Heat;
  readonly facts: Facts | null;
  readonly reads: number;
  readonly writes: number;
  readonly misses: number;
  readonly total: number;
}

/**
 * What would take the heat off this key, the most fitting remedy first. Pure; `facts` may be unknown.
 *
 * The last entry always says what does not help.
 */
export function adviceFor(heat: Heat, facts: Facts | null): readonly Advice[] {
  const { read, write, miss, total } = heat.counts;
  const mix: Mix = {
    heat,
    facts,
    reads: Math.max(read.estimate, miss.estimate),
    writes: write.estimate,
    misses: miss.estimate,
    total: Math.max(total.estimate, 1),
  };
  const halves = mix.writes >= mix.reads ? [writeAdvice, readAdvice] : [readAdvice, writeAdvice];
  return [...halves.flatMap((half) => half(mix)), oneKey()];
}

function readAdvice(mix: Mix): Advice[] {
  const { reads, misses, total, facts } = mix;
  // A tenth of the accesses is not worth a remedy of its own.
  if (reads === 0 || reads < total / 10) return [];
  const share = `${percent(reads / total)} of its accesses are reads (${rate(reads, mix)})`;
  if (misses >= reads * MISS_SHARE) {
    return [
      advice(
        "negative-cache",
        `${percent(misses / reads)} of the reads find nothing (${rate(misses, mix)}): remember for a short while that the key is absent, or create it.`,
      ),
    ];
  }
  const bytes = facts?.bytes ?? null;
  if (bytes === null || bytes < LARGE_VALUE_BYTES) {
    return [
      advice("local-cache", `${share}: a cache in the clients for a second or less takes most of them.`),
    ];
  }
  return [
    advice("replica-reads", `${share} of ${bytes} bytes each: let replicas serve them.`),
    advice(
      "split-value",
      `The value has ${bytes} bytes: split it, so that a read fetches only what it needs.`,
    ),
  ];
}

function writeAdvice(mix: Mix): Advice[] {
  const { writes, total } = mix;
  if (writes === 0 || writes < total / 10) return [];
  const command = mainWriteCommand(mix.heat.commands);
  const share = `${percent(writes / total)} of its accesses are writes (${rate(writes, mix)}${command === null ? "" : `, mostly ${command}`})`;
  if (command !== null && COUNTER_COMMANDS.has(command)) {
    return [advice("sharded-counter", `${share}: count on several keys and add them up when read.`)];
  }
  if (isCollection(mix.facts, command)) {
    return [
      advice("hash-shards", `${share}: spread the elements over several keys, each with a part of them.`),
    ];
  }
  return [
    advice(
      "write-coalescing",
      `${share}: let each client write only the latest value, a few times a second.`,
    ),
  ];
}

function isCollection(facts: Facts | null, command: string | null): boolean {
  if (facts !== null) return COLLECTIONS.has(facts.type);
  return command !== null && COLLECTION_COMMAND.test(command);
}

/** The most frequent command; events that only accompany another (`expire`, `del`) say nothing of the use. */
function mainWriteCommand(commands: Readonly<Record<string, number>>): string | null {
  let main: string | null = null;
  let most = 0;
  for (const [command, count] of Object.entries(commands)) {
    if (count <= most || command === "expire" || command === "del" || command === "keymiss") continue;
    main = command;
    most = count;
  }
  return main;
}

function oneKey(): Advice {
  return advice(
    "one-key",
    "Moving the slot or adding shards will not help: it is one key, and one thread serves it.",
  );
}

function advice(remedy: string, why: string): Advice {
  return { remedy, why, url: `docs/advice.md#${remedy}` };
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function rate(count: number, { heat }: Mix): string {
  return `${Math.round(ratePerSecond(count, heat.windowMs))}/s`;
}
