/** Where a command was served. */
export interface Place {
  /** `127.0.0.1:6379`, `[::1]:6379`, `unix:///path`; null where it cannot be told. */
  readonly target: string | null;
  readonly db: number;
}

/** What drivers tell. Called on the app's hot path. */
export interface CommandObserver {
  /** For each command about to be sent: null = not sampled; else the tally of its sampling probability. */
  take(): Tally | null;
}

export interface Tally {
  readonly probability: number;
  add(
    place: Place,
    key: string | Uint8Array,
    access: {
      readonly kind: "read" | "write";
      readonly isMiss: boolean;
      readonly command: string;
      readonly bytes: number;
      readonly weight?: number;
    },
  ): void;
}
