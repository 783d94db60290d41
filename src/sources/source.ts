import type { SourceStatus } from "../model/target.ts";

/** Code that yields accesses of one target. */
export interface Source {
  readonly name: string;
  status(): SourceStatus;
  stop(): Promise<void>;
}
