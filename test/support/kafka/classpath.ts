import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const POM = fileURLToPath(new URL("pom.xml", import.meta.url));
const BUILD_CLASSPATH = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath";
const MAVEN_TIMEOUT_MS = 300_000;
const LOCK_POLL_MS = 200;

/** Where what Kafka needs is remembered between runs. */
export function kafkaCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "keyheat", "kafka-4.4.0");
}

/**
 * Classpath of a broker: resolved by Maven the first time, remembered after that, and resolved again where its jars are
 * gone. One process at a time does this; others wait.
 *
 * Throws: Error with what Maven said.
 */
export async function kafkaClasspath(): Promise<string> {
  const folder = kafkaCacheFolder();
  mkdirSync(folder, { recursive: true });
  const remembered = join(folder, "classpath.txt");
  const known = usable(remembered);
  if (known !== null) return known;
  return await withLock(join(folder, "lock"), async () => {
    const meanwhile = usable(remembered);
    if (meanwhile !== null) return meanwhile;
    const fresh = join(folder, `classpath-${process.pid}.txt`);
    await resolveByMaven(fresh);
    renameSync(fresh, remembered);
    const resolved = usable(remembered);
    if (resolved === null) throw new Error("Maven named jars that are not there");
    return resolved;
  });
}

function usable(file: string): string | null {
  if (!existsSync(file)) return null;
  const classpath = readFileSync(file, "utf8").trim();
  return classpath !== "" && classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : null;
}

async function resolveByMaven(output: string): Promise<void> {
  const child = spawn("mvn", ["-q", "-B", "-f", POM, BUILD_CLASSPATH, `-Dmdep.outputFile=${output}`], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MAVEN_TIMEOUT_MS,
  });
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stderr.on("data", (piece: Buffer) => pieces.push(piece));
  await once(child, "close");
  if (child.exitCode === 0) return;
  throw new Error(`Maven did not find Kafka: ${Buffer.concat(pieces).toString("utf8").slice(-2000)}`);
}

/** Runs `task` while no other living process has the lock. */
async function withLock<T>(lock: string, task: () => Promise<T>): Promise<T> {
  while (!take(lock)) await sleep(LOCK_POLL_MS);
  const release = () => rmSync(lock, { force: true });
  process.once("exit", release);
  try {
    return await task();
  } finally {
    process.off("exit", release);
    release();
  }
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: "wx" });
    return true;
  } catch {
    if (!isHeld(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function isHeld(lock: string): boolean {
  try {
    const owner = Number(readFileSync(lock, "utf8"));
    // Between its creation and its first byte a lock names nobody.
    if (owner > 0) process.kill(owner, 0);
    return true;
  } catch {
    return false;
  }
}
