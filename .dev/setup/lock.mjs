import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./paths.mjs";
import { progress } from "./setup-error.mjs";

const RETRY_MS = 200;
/** A lock whose owner has not written its number after so long has none. */
const NAMELESS_MS = 5000;

/**
 * Runs `task` while no other process sets up this checkout. The lock is a folder beside the checkout's, not in it: set-up
 * replaces node_modules and dist. The lock of a process that is gone is taken over.
 */
export async function withLock(task) {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const lock = join(tmpdir(), `keyheat-setup-${userInfo().username}-${name}`);
  await acquire(lock);
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once("exit", release);
  try {
    return await task();
  } finally {
    process.off("exit", release);
    release();
  }
}

async function acquire(lock) {
  let isWaiting = false;
  let namelessSinceMs = null;
  while (!create(lock)) {
    const owner = ownerOf(lock);
    namelessSinceMs = owner === null ? (namelessSinceMs ?? performance.now()) : null;
    const isAbandoned = owner === null ? performance.now() - namelessSinceMs > NAMELESS_MS : !isAlive(owner);
    if (isAbandoned) {
      takeAway(lock, owner);
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
  writeFileSync(join(lock, "pid"), String(process.pid));
  return true;
}

function ownerOf(lock) {
  try {
    return Number(readFileSync(join(lock, "pid"), "utf8")) || null;
  } catch {
    return null;
  }
}

/** Of two processes that find the same abandoned lock, only one renames it; a lock taken meanwhile is put back. */
function takeAway(lock, owner) {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (ownerOf(aside) === owner) rmSync(aside, { recursive: true, force: true });
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
