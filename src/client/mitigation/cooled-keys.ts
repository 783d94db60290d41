import { type Bytes, bytesOf, prefixing } from "../remedies/commands.ts";
import { keyIdOf, keyOfId } from "../remedies/key-id.ts";

/** The hot set leases none that are nearly as long: other words of commands need not be looked at. */
const KEY_LENGTH_MAX = 64 * 1024;

/** A key that is leased, as one client sees it. */
export class CooledKey {
  /** As the app names it. */
  readonly key: string | Buffer;
  /** As the server has it: with the client's prefix. */
  readonly fullKey: string | Buffer;
  #version = 0;
  #settledVersion = -1;

  constructor(key: string | Buffer, fullKey: string | Buffer) {
    this.key = key;
    this.fullKey = fullKey;
  }

  /** Whether the server has answered a read that this client sent after its last write of the key. */
  get isSettled(): boolean {
    return this.#settledVersion === this.#version;
  }

  /** Changes whenever the client writes the key. */
  get version(): number {
    return this.#version;
  }

  written(): void {
    this.#version++;
  }

  /** A read was answered that was sent when the key had this version. */
  settle(version: number): void {
    if (version > this.#settledVersion) this.#settledVersion = version;
  }
}

/**
 * The leased keys of one client.
 *
 * Each begins unsettled, and is so again with every write of this client's: its reads go to the server on the client's
 * own connection, behind what was sent there, until one of them is answered. So no read of the app's is answered by a
 * value older than the app's own writes, whether it has waited for them or not.
 */
export class CooledKeys {
  readonly #prefix: Buffer;
  readonly #fullKeyOf: (key: Bytes) => Bytes;
  readonly #isExcluded: (fullKey: Uint8Array) => boolean;
  readonly #onWritten: (key: CooledKey) => void;
  /** By the name of the key as the server has it. */
  readonly #keys = new Map<string, CooledKey>();

  /** `onWritten` is also told of keys that are leased no more. */
  constructor(
    prefix: Buffer,
    isExcluded: (fullKey: Uint8Array) => boolean,
    onWritten: (key: CooledKey) => void,
  ) {
    this.#prefix = prefix;
    this.#fullKeyOf = prefixing(prefix);
    this.#isExcluded = isExcluded;
    this.#onWritten = onWritten;
  }

  get size(): number {
    return this.#keys.size;
  }

  all(): CooledKey[] {
    return [...this.#keys.values()];
  }

  /** The key as the app names it. */
  find(key: Bytes): CooledKey | undefined {
    return this.#keys.size === 0 ? undefined : this.#keys.get(keyIdOf(this.#fullKeyOf(key)));
  }

  /** The key as the server has it: a word of a command. */
  findFull(fullKey: Bytes): CooledKey | undefined {
    return fullKey.length > KEY_LENGTH_MAX ? undefined : this.#keys.get(keyIdOf(fullKey));
  }

  lease(fullKey: string | Buffer): void {
    const id = keyIdOf(fullKey);
    const bytes = bytesOf(fullKey);
    const hasPrefix = bytes.subarray(0, this.#prefix.length).equals(this.#prefix);
    // The client has no name for a key without its prefix; an empty one is no key of a cache.
    if (!hasPrefix || bytes.length === this.#prefix.length || this.#isExcluded(bytes)) return;
    if (this.#keys.has(id)) return;
    const key = keyOfId(keyIdOf(bytes.subarray(this.#prefix.length)));
    this.#keys.set(id, new CooledKey(key, fullKey));
  }

  release(fullKey: string | Buffer): void {
    const id = keyIdOf(fullKey);
    const cooled = this.#keys.get(id);
    if (cooled === undefined) return;
    this.#keys.delete(id);
    this.written(cooled);
  }

  /** This client writes it, or has it written. */
  written(key: CooledKey): void {
    key.written();
    this.#onWritten(key);
  }
}
