import { command } from "../../test/support/redis.ts";

const MAIN_THREAD_FIELDS = ["used_cpu_user_main_thread", "used_cpu_sys_main_thread"];

/** A field of an INFO section as a number; `null`: this server has no such field. */
export async function infoNumber(port: number, section: string, field: string): Promise<number | null> {
  return numberOf(await infoText(port, section), field);
}

/**
 * CPU that the server's main thread has used since its start, user and system, in seconds.
 *
 * Resolution: microseconds. Source: `INFO cpu`, by getrusage(RUSAGE_THREAD), Redis 6.2 and newer on Linux.
 */
export async function mainThreadSeconds(port: number): Promise<number> {
  const text = await infoText(port, "cpu");
  return MAIN_THREAD_FIELDS.reduce((sum, field) => {
    const seconds = numberOf(text, field);
    if (seconds === null) throw new Error(`the server's INFO has no ${field}`);
    return sum + seconds;
  }, 0);
}

async function infoText(port: number, section: string): Promise<string> {
  return String(await command(port, ["INFO", section]));
}

function numberOf(text: string, field: string): number | null {
  const value = new RegExp(`^${field}:([0-9.]+)`, "m").exec(text)?.[1];
  return value === undefined ? null : Number(value);
}
