import { spawn } from "node:child_process";
import { constants } from "node:os";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];
const REPEAT_MS = 1000;
const PARENT_CHECK_MS = 500;

/**
 * Runs a program to its end, with our terminal and the signals that come to us. Returns its exit code, as a shell gives it:
 * 128 + number for one that a signal ended. `onStart` gets its process number.
 */
export function runChild(program, args, { onStart = () => {}, ...options } = {}) {
  const child = spawn(program, args, { stdio: "inherit", ...options });
  if (child.pid !== undefined) onStart(child.pid);
  const release = [forwardSignals(child), endWithNpm(child)];
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  }).finally(() => {
    for (const done of release) done();
  });
}

/**
 * Ctrl-C reaches the whole process group, and npm sends it once more: so the child gets each signal from us at most once
 * a second.
 */
function forwardSignals(child) {
  const sentMs = new Map();
  const forward = (signal) => {
    const nowMs = performance.now();
    if (nowMs - (sentMs.get(signal) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    sentMs.set(signal, nowMs);
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

/** Where the shell between npm and us dies of a signal, or npm is killed, we hear nothing: the parent changes. */
function endWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill("SIGTERM");
  }, PARENT_CHECK_MS);
  return () => clearInterval(timer);
}
