import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Keyheat } from "./keyheat.ts";
import type { TestProxy } from "./proxy.ts";
import { command, load, type Reply } from "./redis.ts";

/** The smallest user that works, called `keyheat`: it subscribes, and asks for nothing but INFO. */
export const MINIMAL_USER: readonly string[] = [
  ...["on", ">pw", "resetkeys", "resetchannels", "-@all"],
  ...["+psubscribe", "+ping", "+info", "&__keyevent@*__:*"],
];

/** Gives the user `keyheat` rights. */
export function makeUser(port: number, rights: readonly string[]): Promise<Reply> {
  return command(port, ["ACL", "SETUSER", "keyheat", ...rights]);
}

/** The proxy's URL for the user `keyheat`. */
export function asUser(proxy: TestProxy, password = "pw"): string {
  return proxy.url.replace("redis://", `redis://keyheat:${password}@`);
}

/** The line after `run: ` in a message, as the words that redis-cli would send. */
export function lineToRun(message: string): string[] {
  const [, line = ""] = /run: ((?:ACL SETUSER|CONFIG SET) .*?)(?: \(or |$)/m.exec(message) ?? [];
  return line.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"));
}

/** What an operator is warned of in the log. */
export function warnings({ log }: Keyheat): string[] {
  return log.filter(({ level }) => level >= 40).map(({ msg, reason }) => `${msg}: ${reason}`);
}

/** So many connections within 5 s are no storm. */
export const CONNECTIONS_MAX = 8;

/** Looks for 5 s on how often it connects and what it logs. */
export async function makesNoStorm(keyheat: Keyheat, proxy: TestProxy): Promise<void> {
  const connectionsBefore = proxy.connections;
  const warningsBefore = warnings(keyheat).length;
  // It is the passing of time itself that is tested.
  await sleep(5000);
  const connections = proxy.connections - connectionsBefore;
  assert.ok(connections < CONNECTIONS_MAX, `${connections} connections within 5 s`);
  const more = warnings(keyheat).slice(warningsBefore);
  assert.ok(more.length <= 1, `the log says again and again:\n${more.join("\n")}`);
}

/** Writes 100 times, and waits until just that is counted. */
export async function countsFrom(keyheat: Keyheat, port: number): Promise<void> {
  await load(port, 100, () => ["SET", "k", "v"]);
  await keyheat.counts("k", 100);
}
