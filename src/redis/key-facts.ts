import type { Facts } from "../model/target.ts";
import type { Clock } from "../runtime/clock.ts";
import { type FactsDialect, grantFactsLine } from "./acl.ts";
import type { OwnReads } from "./own-reads.ts";
import { TargetError } from "./problem.ts";
import type { Refusals } from "./refusals.ts";
import { isNoPermission } from "./reply-problem.ts";
import type { Answer, CommandLine, Session } from "./session.ts";

export interface FactAsker {
  readonly session: Session;
  readonly refusals: Refusals;
  readonly ownReads: OwnReads;
  readonly clock: Clock;
  readonly username: string | undefined;
  /** With NO-TOUCH look-ups of this connection leave the keys' recency and frequency alone. */
  readonly dialect: FactsDialect;
}

const FACTS_RIGHT = "facts";

/** Looks up keys of one connection, one after the other: a look-up in another database selects it and goes back. */
export class FactLookUp {
  readonly #asker: FactAsker;
  #last: Promise<unknown> = Promise.resolve();
  #isNoTouchAsked = false;

  constructor(asker: FactAsker) {
    this.#asker = asker;
  }

  /**
   * Type, size, expiry and encoding of a key.
   *
   * `null`: there is no such key; then the server has published exactly one `keymiss` of it.
   * Throws: `TargetError`.
   */
  facts(db: number, key: Uint8Array): Promise<Facts | null> {
    const facts = this.#last.then(() => this.#inDatabase(db, () => this.#lookUp(Buffer.from(key))));
    this.#last = facts.catch(() => {});
    return facts;
  }

  async #inDatabase(db: number, lookUp: () => Promise<Facts | null>): Promise<Facts | null> {
    const { refusals, clock } = this.#asker;
    if (!refusals.mayAsk(FACTS_RIGHT, clock.monotonic())) throw this.#denied();
    await this.#stopTouching();
    if (db === 0) return lookUp();
    // By itself first: were it refused, the look-ups would speak of another database's key.
    this.#valueOf(await this.#ask(["SELECT", db]));
    try {
      return await lookUp();
    } finally {
      if (!this.#asker.session.ended) await this.#ask(["SELECT", 0]);
    }
  }

  async #lookUp(key: Buffer): Promise<Facts | null> {
    // TYPE goes first, so that of a key that is gone just one miss is published.
    const type = this.#valueOf(await this.#ask(["TYPE", key]));
    this.#asker.ownReads.add(1);
    if (type === "none") return null;
    const ask: CommandLine[] = [
      ["TTL", key],
      ["OBJECT", "ENCODING", key],
    ];
    // MEMORY USAGE walks all consumers of a stream, whatever its SAMPLES say: it could block the server.
    if (type !== "stream") ask.push(["MEMORY", "USAGE", key]);
    const [ttl, encoding, bytes] = await this.#asker.session.ask(ask);
    this.#asker.ownReads.add([ttl, encoding].filter((answer) => answer && !("error" in answer)).length);
    const ttlSeconds = numberOf(ttl);
    if (ttlSeconds === -2) return null;
    return {
      type: String(type),
      bytes: numberOf(bytes),
      ttlSeconds: ttlSeconds === null || ttlSeconds < 0 ? null : ttlSeconds,
      encoding: encoding && "value" in encoding && typeof encoding.value === "string" ? encoding.value : null,
    };
  }

  /** Once a connection; without the right it is left, for none of the look-ups touches keys on current servers. */
  async #stopTouching(): Promise<void> {
    if (this.#isNoTouchAsked || !this.#asker.dialect.hasNoTouch) return;
    this.#isNoTouchAsked = true;
    await this.#ask(["CLIENT", "NO-TOUCH", "ON"]);
  }

  async #ask(line: CommandLine): Promise<Answer> {
    const [answer] = await this.#asker.session.ask([line]);
    return answer ?? { error: "no answer" };
  }

  #valueOf(answer: Answer): unknown {
    if ("value" in answer) return answer.value;
    const { refusals, clock } = this.#asker;
    if (isNoPermission(answer.error)) {
      const denied = this.#denied();
      refusals.note(FACTS_RIGHT, denied.message, clock.monotonic());
      throw denied;
    }
    throw new TargetError({
      code: "REFUSED",
      message: "the server refused to look up a key",
      retryable: true,
    });
  }

  #denied(): TargetError {
    const { username, dialect } = this.#asker;
    return new TargetError({
      code: "NOPERM",
      message: `user "${username || "default"}" may not look up facts of keys; run: ${grantFactsLine(username, dialect)}`,
      retryable: false,
    });
  }
}

function numberOf(answer: Answer | undefined): number | null {
  return answer && "value" in answer && typeof answer.value === "number" ? answer.value : null;
}
