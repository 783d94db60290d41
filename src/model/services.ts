/** One service whose instances report samples to an agent. */
export interface ServiceState {
  readonly name: string;
  /** Instances heard of lately. */
  readonly instances: number;
  /** When a batch of it last came, ms since 1970. */
  readonly heardMs: number;
  /** Whether all its instances have said that they end. */
  readonly saidGoodbye: boolean;
  /** When it was last heard again after a silence, ms since 1970; 0: it never was silent. */
  readonly returnedMs: number;
  /** The longest of its last few pauses between batches, in ms. */
  readonly gapMs: number;
}

/** Which services report to an agent: one each pane interval while there are any. */
export interface ServicesReport {
  readonly type: "services";
  readonly agent: string;
  readonly cluster: string;
  readonly atMs: number;
  readonly services: readonly ServiceState[];
}
