import type { Logger } from "../runtime/logger.ts";

const nothing = () => {};

/** For stages that log, in a process that is not ours: made of nothing, as a logger would be a dependency. */
export const silentLogger = {
  fatal: nothing,
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  trace: nothing,
} as unknown as Logger;
