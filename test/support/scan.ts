import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { command } from "./redis.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface ScanRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of standard error, without its end. */
  readonly lastLine: string;
}

export interface ScanRunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Called with the process as soon as it runs. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void, stderr: () => string) => void;
}

/** Runs `keyheat ARGS` to its end, standard output and standard error apart. */
export async function runScanCommand(
  args: readonly string[],
  options: ScanRunOptions = {},
): Promise<ScanRun> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => (stdout += piece.toString("utf8")));
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString("utf8")));
  options.onStart?.(
    (signal) => child.kill(signal),
    () => stderr,
  );
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr, lastLine: stderr.trimEnd().split("\n").at(-1) ?? "" };
}

/** The one JSON document that `keyheat scan ARGS --json` prints. Throws: SyntaxError where it is none. */
export async function scanJson<Document>(
  args: readonly string[],
  options: ScanRunOptions = {},
): Promise<ScanRun & { readonly document: Document }> {
  const run = await runScanCommand(["scan", ...args, "--json"], options);
  return { ...run, document: JSON.parse(run.stdout) as Document };
}

/** Makes a user `looker` with these rights alone; returns the server's URL for it. */
export async function makeLooker(port: number, rights: readonly string[]): Promise<string> {
  const user = ["reset", "on", ">pw", "resetkeys", "resetchannels", "-@all", ...rights];
  await command(port, ["ACL", "SETUSER", "looker", ...user]);
  return `redis://looker:pw@127.0.0.1:${port}`;
}
