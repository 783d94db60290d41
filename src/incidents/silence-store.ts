import type { DatabaseSync } from "node:sqlite";
import { MATCHER_NAMES, SILENCES_MAX, type Silence } from "../model/silence.ts";
import type { Logger } from "../runtime/logger.ts";
import { StoreError } from "./store.ts";
import { isRecord } from "./stored-form.ts";

/** Where silences outlive a restart. */
export interface SilenceStore {
  /** Oldest first, at most `SILENCES_MAX`. */
  load(): readonly Silence[];
  /** What was written survives a crash of the process and of the machine. Throws: `StoreError`. */
  save(silence: Silence): void;
  /** Throws: `StoreError`. */
  remove(id: string): void;
  /** Forgets those that ended before `beforeMs`. Throws: `StoreError`. */
  prune(beforeMs: number): void;
}

/** Keeps nothing beyond the process. */
export const forgetfulSilences: SilenceStore = {
  load: () => [],
  save: () => {},
  remove: () => {},
  prune: () => {},
};

/** The table of this file, in the database of the incidents. */
export const CREATE_SILENCES =
  "CREATE TABLE silences (id TEXT PRIMARY KEY, endsAtMs INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/** Silences in SQLite; whoever opened the database closes it. */
export class SqliteSilences implements SilenceStore {
  readonly #database: DatabaseSync;
  readonly #logger: Logger;

  constructor(database: DatabaseSync, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  load(): readonly Silence[] {
    const rows = this.#database
      .prepare("SELECT body FROM silences ORDER BY endsAtMs DESC LIMIT ?")
      .all(SILENCES_MAX);
    const silences = rows.map(({ body }) => decode(String(body)));
    const whole = silences.filter((silence) => silence !== null);
    const unreadable = silences.length - whole.length;
    if (unreadable > 0) this.#logger.warn({ unreadable }, "stored silences that cannot be read are left out");
    return whole.sort((one, other) => one.createdAtMs - other.createdAtMs);
  }

  save(silence: Silence): void {
    this.#run(
      `INSERT INTO silences (id, endsAtMs, body) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET endsAtMs = excluded.endsAtMs, body = excluded.body`,
      [silence.id, silence.endsAtMs, JSON.stringify(silence)],
    );
  }

  remove(id: string): void {
    this.#run("DELETE FROM silences WHERE id = ?", [id]);
  }

  prune(beforeMs: number): void {
    this.#run("DELETE FROM silences WHERE endsAtMs < ?", [beforeMs]);
  }

  #run(statement: string, values: readonly (string | number)[]): void {
    try {
      this.#database.prepare(statement).run(...values);
    } catch (cause) {
      throw new StoreError("FAILED", "silences could not be written", { cause });
    }
  }
}

function decode(text: string): Silence | null {
  try {
    const body: unknown = JSON.parse(text);
    return isSilence(body) ? body : null;
  } catch {
    return null;
  }
}

function isSilence(body: unknown): body is Silence {
  if (!isRecord(body) || !isRecord(body.matchers)) return false;
  const { matchers } = body;
  const globs = MATCHER_NAMES.map((name) => matchers[name]);
  const texts = [body.id, body.comment, body.createdBy];
  const times = [body.startsAtMs, body.endsAtMs, body.createdAtMs];
  return (
    globs.every((glob) => glob === undefined || typeof glob === "string") &&
    // One that says nothing we know of would match everything.
    globs.some((glob) => glob !== undefined) &&
    texts.every((value) => typeof value === "string") &&
    times.every(Number.isSafeInteger)
  );
}
