import type { Argument } from "../../redis/command-keys.ts";
import type { CooledKey } from "./cooled-keys.ts";

/** A client some of whose reads can be answered in the server's place. */
export interface MitigableClient {
  /** The same for all faces that a driver gives one client. */
  readonly identity: object;
  /** A read of it that is not the driver's own, so that nobody knows what it returns; `null`: there is none. */
  readonly foreignRead: string | null;
  /** What it puts before each key. */
  readonly keyPrefix: Buffer;
  /** The database that its options name. */
  readonly db: number;
  /** The one that it is in now. */
  readonly selectedDb: number;
  /** Whether the server can be made to tell of writes. */
  readonly canTrack: boolean;
  /** Returns: what puts the client back as it was. */
  hook(hooks: ClientHooks): () => void;
}

/** What a driver asks. Called on the app's hot path. */
export interface ClientHooks {
  /**
   * Before a command is sent, and before it waits for that anywhere that reads do not wait. Returns what is to be called
   * when it was answered, or has failed, and before the app learns of it; `null`: nothing.
   */
  sending(name: string, args: readonly Argument[]): (() => void) | null;
  connectionLost(): void;
  /** `null`: the read is to go on as if nobody had asked. */
  cooled(key: string | Uint8Array): CooledKey | null;
  /** `plain`: the read as it would go on. */
  get(key: CooledKey, plain: () => Promise<string | null>): Promise<string | null>;
  getBuffer(key: CooledKey, plain: () => Promise<Buffer | null>): Promise<Buffer | null>;
}
