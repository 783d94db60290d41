import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const JVM_OPTIONS = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const OUTPUT_CHARACTERS_KEPT = 4096;

/** A Java program of the classpath. It dies with us, also when we are killed. */
export interface JavaProgram {
  readonly process: ChildProcess;
  /** The end of what it has written. */
  output(): string;
  /** Ends it at once; resolves when it is gone. */
  kill(): Promise<void>;
}

export function startJava(classpath: string, mainClass: string, args: readonly string[]): JavaProgram {
  const child = spawn("java", [...JVM_OPTIONS, "-cp", classpath, mainClass, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (piece: Buffer) => {
      text = (text + piece.toString("utf8")).slice(-OUTPUT_CHARACTERS_KEPT);
    });
  }
  const gone = once(child, "close").then(
    () => {},
    () => {},
  );
  guardAgainstOurDeath(child);
  return {
    process: child,
    output: () => text,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Runs a program to its end. Throws: Error with the end of its output where it fails. */
export async function runJava(classpath: string, mainClass: string, args: readonly string[]): Promise<void> {
  const program = startJava(classpath, mainClass, args);
  const [code] = await once(program.process, "close");
  if (code !== 0) throw new Error(`${mainClass} failed: ${program.output()}`);
}

/** A shell that waits on a pipe which only we hold: if we die, the kernel closes the pipe, and the shell kills the child. */
function guardAgainstOurDeath(child: ChildProcess): void {
  const script = 'cat >/dev/null; kill -9 "$1" 2>/dev/null';
  const guard = spawn("/bin/sh", ["-c", script, "keyheat-guard", String(child.pid ?? "")], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.once("error", () => {});
  guard.stdin.once("error", () => {});
  // A program that ended by itself leaves a number that another process may get.
  child.once("exit", () => guard.kill("SIGKILL"));
  guard.unref();
  if ("unref" in guard.stdin && typeof guard.stdin.unref === "function") guard.stdin.unref();
}
