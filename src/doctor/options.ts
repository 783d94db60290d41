import type { Config } from "../config/schema.ts";
import type { Clock } from "../runtime/clock.ts";
import type { OwnPod } from "../sources/discovery/pods/cluster-access.ts";

export interface DoctorOptions {
  readonly config: Config;
  /** Name of the config file, for lines to run. */
  readonly file: string;
  readonly clock: Clock;
  /** Of Kubernetes, where pods are looked for; what the environment says unless given. */
  readonly ownPod?: OwnPod | undefined;
  /** Ends it with what is known. */
  readonly signal: AbortSignal;
}
