import { type Heat, ratePerSecond } from "../model/heat.ts";
import type { Advice } from "../model/incident.ts";
import type { Facts } from "../model/target.ts";

/** From this size on, what a read costs is the value's bytes, not the command. */
export const LARGE_VALUE_BYTES = 10 * 1024;

/** A miss storm: at least so large a part of the reads found nothing. */
const MISS_SHARE = 0.5;

/** A stampede: so many readers in one window found nothing, and many of them wrote the value anew. */
const STAMPEDE_MISSES = 10;
const STAMPEDE_WRITERS = 2;
const STAMPEDE_WRITES_PER_MISS = 0.1;

const VALUE_WRITES = ["set", "setex", "psetex"];
const EXPIRY_COMMANDS = ["expire", "pexpire", "setex", "psetex"];
/** Clients name commands as they like: what is no command's name is not repeated. */
const COMMAND_NAME = /^[a-z][a-z0-9._-]{0,31}$/;

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
  const { reads, misses, total } = mix;
  // A tenth of the accesses is not worth a remedy of its own.
  const isWorthwhile = reads > 0 && reads >= total / 10;
  if (isStampede(mix)) return [earlyRefresh(mix), ...(isWorthwhile ? hitAdvice(mix) : [])];
  if (!isWorthwhile) return [];
  return misses >= reads * MISS_SHARE ? missAdvice(mix) : hitAdvice(mix);
}

function missAdvice(mix: Mix): Advice[] {
  const { reads, misses } = mix;
  return [
    advice(
      "negative-cache",
      `${percent(misses / reads)} of the reads find nothing (${rate(misses, mix)}): remember for a short while that the key is absent, or create it.`,
    ),
    advice(
      "stampede-lock",
      "Let one client at a time ask the database behind for it, while the others wait for what it finds.",
    ),
  ];
}

/** A value that expires under many readers, who all find nothing and all write it anew. */
function isStampede({ heat, facts, misses }: Mix): boolean {
  const { commands } = heat;
  const expires =
    facts === null
      ? EXPIRY_COMMANDS.some((command) => countOf(commands, command) > 0)
      : facts.type === "string" && facts.ttlSeconds !== null;
  const writes = VALUE_WRITES.reduce((sum, command) => sum + countOf(commands, command), 0);
  const isRewritten = writes >= STAMPEDE_WRITERS && writes >= misses * STAMPEDE_WRITES_PER_MISS;
  return expires && isRewritten && misses >= STAMPEDE_MISSES;
}

function earlyRefresh(mix: Mix): Advice {
  return advice(
    "early-refresh",
    `It expires, and then many readers find nothing (${rate(mix.misses, mix)}) and write it anew: let one of them renew it shortly before its end.`,
  );
}

function hitAdvice(mix: Mix): Advice[] {
  const { reads, total, facts } = mix;
  const share = `${percent(reads / total)} of its accesses are reads (${rate(reads, mix)})`;
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

const COMPANIONS = new Set(["expire", "del", "keymiss"]);

/** The most frequent command; events that only accompany another (`expire`, `del`) say nothing of the use. */
function mainWriteCommand(commands: Readonly<Record<string, number>>): string | null {
  let main: string | null = null;
  let most = 0;
  for (const [command, count] of Object.entries(commands)) {
    if (count <= most || COMPANIONS.has(command) || !COMMAND_NAME.test(command)) continue;
    main = command;
    most = count;
  }
  return main;
}

function countOf(commands: Readonly<Record<string, number>>, command: string): number {
  return Object.hasOwn(commands, command) ? (commands[command] ?? 0) : 0;
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
