import type { Config } from "../config/schema.ts";
import type { Clock } from "../runtime/clock.ts";

export interface DoctorOptions {
  readonly config: Config;
  /** Name of the config file, for lines to run. */
  readonly file: string;
  readonly clock: Clock;
  /** Ends it with what is known. */
  readonly signal: AbortSignal;
}
