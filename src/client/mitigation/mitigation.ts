import type { Argument } from "../../redis/command-keys.ts";
import type { AgentAddress } from "../agent-connection.ts";
import { HotSet, type HotSetState } from "../hot-set.ts";
import type { Bytes } from "../remedies/commands.ts";
import { LocalCache, type LocalCacheStats } from "../remedies/local-cache.ts";
import { type CooledKey, CooledKeys } from "./cooled-keys.ts";
import type { ClientHooks, MitigableClient } from "./mitigable-client.ts";
import { type MitigateSettings, ttlMsOf } from "./mitigate-options.ts";
import { OwnCommands } from "./own-commands.ts";

/** How reads of leased keys fare: those of the cache now and since the start, and what decides on them. */
export interface MitigationStats extends LocalCacheStats {
  /** Of the hot set: whether the agent is heard. While it is not, leases run out, and reads go to the server. */
  readonly state: HotSetState;
  /** Why the agent is not heard; `null` while it is. */
  readonly problem: string | null;
  /** Keys as the server has them that may be answered here now: text where it is valid UTF-8, else Buffers. */
  readonly keys: readonly (string | Buffer)[];
  /** Reads of leased keys that went to the server as before: after an own write, in a transaction, in another database. */
  readonly bypassed: number;
}

/** Clients that are mitigated. */
const mitigated = new WeakSet<object>();

export function isMitigated({ identity }: MitigableClient): boolean {
  return mitigated.has(identity);
}

/** Answers the reads of leased keys of one client, as long as they are leased. */
export class Mitigation implements ClientHooks {
  readonly #client: MitigableClient;
  readonly #hotSet: HotSet;
  readonly #cache: LocalCache;
  readonly #keys: CooledKeys;
  readonly #commands: OwnCommands;
  readonly #unhook: () => void;
  #bypassed = 0;

  /** `onAbsorbed` is told of each read that was answered here, by the key as the server has it. */
  constructor(
    redis: object,
    client: MitigableClient,
    settings: MitigateSettings,
    { url, token }: AgentAddress,
    onAbsorbed: (fullKey: Bytes) => void,
  ) {
    const { cluster, maxEntries, maxBytes, isExcluded } = settings;
    const tracking = settings.tracking ?? client.canTrack;
    this.#client = client;
    this.#keys = new CooledKeys(client.keyPrefix, isExcluded, ({ key }) => this.#cache.invalidate(key));
    this.#commands = new OwnCommands(this.#keys, client.db, client.selectedDb);
    this.#cache = new LocalCache(redis, {
      ttlMs: ttlMsOf(settings, tracking !== false),
      maxEntries,
      maxBytes,
      tracking,
      // It is asked for leased keys alone.
      hotSet: { has: () => true },
      observation: { record: onAbsorbed },
    });
    this.#hotSet = new HotSet({ agent: { url, token: token ?? undefined }, db: client.db, cluster });
    this.#hotSet.onChange(({ added, removed }) => {
      for (const fullKey of removed) this.#keys.release(fullKey);
      for (const fullKey of added) this.#keys.lease(fullKey);
    });
    this.#unhook = client.hook(this);
    mitigated.add(client.identity);
  }

  get stats(): MitigationStats {
    const { state, problem } = this.#hotSet;
    const keys = this.#keys.all().map(({ fullKey }) => fullKey);
    return { ...this.#cache.stats, state, problem, keys, bypassed: this.#bypassed };
  }

  close(): void {
    this.#unhook();
    mitigated.delete(this.#client.identity);
    this.#hotSet.close();
    this.#cache.close();
    for (const { fullKey } of this.#keys.all()) this.#keys.release(fullKey);
  }

  sending(name: string, args: readonly Argument[]): (() => void) | null {
    return this.#commands.sending(name, args);
  }

  connectionLost(): void {
    this.#commands.connectionLost();
  }

  cooled(key: Bytes): CooledKey | null {
    const cooled = this.#keys.find(key);
    return cooled !== undefined && this.#hotSet.has(cooled.fullKey) ? cooled : null;
  }

  get(key: CooledKey, plain: () => Promise<string | null>): Promise<string | null> {
    return this.#mayAnswer(key) ? this.#cache.get(key.key) : this.#bypass(key, plain);
  }

  getBuffer(key: CooledKey, plain: () => Promise<Buffer | null>): Promise<Buffer | null> {
    return this.#mayAnswer(key) ? this.#cache.getBuffer(key.key) : this.#bypass(key, plain);
  }

  #mayAnswer(key: CooledKey): boolean {
    return key.isSettled && this.#commands.mayAnswer;
  }

  async #bypass<Value>(key: CooledKey, plain: () => Promise<Value>): Promise<Value> {
    this.#bypassed++;
    // Between MULTI and EXEC the reply only says that the read was queued.
    const maySettle = this.#commands.mayAnswer;
    const { version } = key;
    const value = await plain();
    if (maySettle) key.settle(version);
    return value;
  }
}
