import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import type { TestContext } from "node:test";
import { waitFor } from "./wait.ts";

const OUTPUT_CHARACTERS_KEPT = 4096;

/** A program that serves something, and how to see that it does. */
export interface ServingProgram {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  /** Where it runs, and what it writes; it goes with the program. */
  readonly folder: string;
  readonly libraryFolders?: readonly string[];
  /** Throws, or is false, as long as it does not. */
  readonly isReady: () => Promise<boolean>;
}

/** Starts one and waits until it serves; it ends with the test `t`. Throws: Error with what it wrote, where it ended. */
export async function startProgram(t: TestContext, program: ServingProgram): Promise<void> {
  const { name, path, args, folder, libraryFolders = [], isReady } = program;
  const env = { ...process.env, LD_LIBRARY_PATH: libraryFolders.join(":") };
  const child = spawn(path, args, { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (piece: Buffer) => {
    output = `${output}${piece}`.slice(-OUTPUT_CHARACTERS_KEPT);
  });
  t.after(async () => {
    if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  });
  await waitFor(`${name} to be ready`, async () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
    return await isReady();
  });
}
