import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { debianProgram } from "./debian-package.ts";

const run = promisify(execFile);

const SYSTEMD = {
  name: "systemd",
  packages: ["systemd", "libsystemd-shared"],
  file: "usr/bin/systemd-analyze",
} as const;

/** A service file, as far as tests look into it. */
export class SystemdUnit {
  readonly text: string;

  constructor(path: string) {
    this.text = readFileSync(path, "utf8");
  }

  /** Values of a directive, in their order; none where it is left out or commented out. */
  values(directive: string): string[] {
    const lines = this.text.split("\n").filter((line) => line.startsWith(`${directive}=`));
    return lines.map((line) => line.slice(directive.length + 1));
  }

  /** The command line of `ExecStart`, split at spaces. */
  get command(): string[] {
    const [line, ...more] = this.values("ExecStart");
    if (line === undefined || more.length > 0) throw new Error("expected one ExecStart");
    return line.split(" ");
  }
}

/** What `systemd-analyze` said, on both streams, and its exit code. */
export interface Analysis {
  readonly code: number;
  readonly output: string;
}

/** A `systemd-analyze`, which needs no running systemd for what tests ask of it. */
export class SystemdAnalyze {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;

  constructor(program: string, env: NodeJS.ProcessEnv = {}) {
    this.program = program;
    this.env = { ...process.env, ...env, LC_ALL: "C.UTF-8", SYSTEMD_COLORS: "0" };
  }

  async run(...args: string[]): Promise<Analysis> {
    try {
      const { stdout, stderr } = await run(this.program, args, { env: this.env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout = "", stderr = "" } = error as { code: unknown; stdout?: string; stderr?: string };
      return { code: typeof code === "number" ? code : -1, output: stdout + stderr };
    }
  }
}

/**
 * The machine's `systemd-analyze`, else Debian's, unpacked into the cache. `null` where there is neither: `t` is skipped
 * then, and with CI=true it fails.
 */
export async function systemdAnalyze(t: TestContext): Promise<SystemdAnalyze | null> {
  const ofThisMachine = new SystemdAnalyze("systemd-analyze");
  if ((await ofThisMachine.run("--version")).code === 0) return ofThisMachine;
  try {
    const { path, libraryFolders } = await debianProgram(SYSTEMD);
    return new SystemdAnalyze(path, { LD_LIBRARY_PATH: libraryFolders.join(":") });
  } catch (error) {
    if (process.env.CI === "true") throw error;
    t.skip(`no systemd-analyze here, and none from Debian: ${String(error)}`);
    return null;
  }
}
