import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

/** A compiler or interpreter of another language, that a machine may lack. */
export interface Toolchain {
  /** What says its version. */
  readonly probe: readonly [command: string, ...args: string[]];
  /** Finds the version in what the probe says. */
  readonly version: RegExp;
  /** Oldest that will do: `[3, 8]`. */
  readonly oldest: readonly [major: number, minor: number];
}

/** What a program did. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly output: string;
}

/** Why the toolchain cannot be used here; `null`: it can. */
export function whyNot({ probe: [command, ...args], version, oldest }: Toolchain): string | null {
  const probed: SpawnSyncReturns<string> = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
  if (probed.error) return `${command} is not there`;
  const [, major, minor = "0"] = version.exec(`${probed.stdout}${probed.stderr}`) ?? [];
  if (major === undefined) return `${command} does not tell its version`;
  const isOld = Number(major) < oldest[0] || (Number(major) === oldest[0] && Number(minor) < oldest[1]);
  return isOld ? `${command} is ${major}.${minor}, older than ${oldest.join(".")}` : null;
}

/** Runs a program to its end; it is killed with the test `t`. */
export async function runProgram(
  t: TestContext,
  [command, ...args]: readonly [string, ...string[]],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<ProgramEnd> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stderr.on("data", (piece: Buffer) => pieces.push(piece));
  await once(child, "close");
  return { code: child.exitCode, output: Buffer.concat(pieces).toString("utf8") };
}
