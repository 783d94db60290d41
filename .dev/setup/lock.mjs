import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./paths.mjs";
import { progress } from "./setup-error.mjs";

const RETRY_MS = 200;
const OWNERS = "pids";
/** A lock whose owner has not written its number after so long has none. */
const NAMELESS_MS = 5000;

/**
 * Runs `task` while no other process sets up this checkout. The lock is a folder beside the checkout's, not in it: set-up
 * replaces node_modules and dist. The lock of processes that are gone is taken over.
 *
 * `task` gets a function that names a further process for whose life the lock holds: an npm that outlives us still writes.
 */
export async function withLock(task) {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const lock = join(tmpdir(), `keyheat-setup-${userInfo().username}-${name}`);
  await acquire(lock);
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once("exit", release);
  try {
    return await task((pid) => appendFileSync(join(lock, OWNERS), `${pid}\n`));
  } finally {
    process.off("exit", release);
    release();
  }
}

async function acquire(lock) {
  let isWaiting = false;
  let namelessSinceMs = null;
  while (!create(lock)) {
    const owners = ownersOf(lock);
    namelessSinceMs = owners.length === 0 ? (namelessSinceMs ?? performance.now()) : null;
    const isAbandoned =
      namelessSinceMs === null ? !owners.some(isAlive) : performance.now() - namelessSinceMs > NAMELESS_MS;
    if (isAbandoned) {
      takeAway(lock, owners);
      continue;
    }
    if (!isWaiting) progress("waiting for another set-up of this checkout");
    isWaiting = true;
    await sleep(RETRY_MS);
  }
}

function create(lock) {
  try {
    mkdirSync(lock, { mode: 0o700 });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  }
  writeFileSync(join(lock, OWNERS), `${process.pid}\n`);
  return true;
}

function ownersOf(lock) {
  try {
    return readFileSync(join(lock, OWNERS), "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

/** Of two processes that find the same abandoned lock, only one renames it; a lock taken meanwhile is put back. */
function takeAway(lock, owners) {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (ownersOf(aside).join() === owners.join()) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, lock);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
