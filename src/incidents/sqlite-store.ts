import { chmodSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Incident } from "../model/incident.ts";
import type { Logger } from "../runtime/logger.ts";
import { CREATE_SILENCES, type SilenceStore, SqliteSilences } from "./silence-store.ts";
import { type IncidentStore, StoreError } from "./store.ts";
import { decodeIncident, encodeIncident } from "./stored-form.ts";

const FILE_NAME = "keyheat.db";
/** "keyh": tells our files from other databases. */
const APPLICATION_ID = 0x6b657968;
const SCHEMA_VERSION = 2;
/** Without silences. */
const FIRST_SCHEMA_VERSION = 1;
/** How long a start waits for the process before it to let go of the file. */
const LOCK_WAIT_MS = 3000;
/** Resolved incidents kept at most, whatever their age. */
const RESOLVED_ROWS_MAX = 50_000;

/** Base result codes of SQLite (https://www.sqlite.org/rescode.html). */
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

class DamagedFile extends Error {}

interface StoreOptions {
  readonly logger: Logger;
  readonly nowMs: number;
  readonly lockWaitMs?: number;
}

/** All that is kept under a data directory. */
export interface DataStore extends IncidentStore {
  readonly silences: SilenceStore;
}

/**
 * Opens or makes `keyheat.db` under `directory`, for this process alone.
 *
 * A file that is damaged, or is none of ours, is renamed to `keyheat.db.damaged-TIME` with a warning, and a fresh one
 * is begun. One of an earlier version is brought up to date. Throws: `StoreError` that says what to do, where nothing can be written there or another process holds it.
 */
export function openStore(
  directory: string,
  { logger, nowMs, lockWaitMs = LOCK_WAIT_MS }: StoreOptions,
): DataStore {
  const path = join(directory, FILE_NAME);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    setAsideUnlessFile(path, nowMs, logger);
    try {
      return new SqliteStore(path, lockWaitMs, logger);
    } catch (error) {
      if (!isDamage(error)) throw error;
      setAside(path, nowMs, logger, error);
      return new SqliteStore(path, lockWaitMs, logger);
    }
  } catch (error) {
    throw openingError(directory, error);
  }
}

class SqliteStore implements DataStore {
  readonly silences: SilenceStore;
  readonly #database: DatabaseSync;
  readonly #logger: Logger;
  readonly #upsert: StatementSync;

  constructor(path: string, lockWaitMs: number, logger: Logger) {
    this.#logger = logger;
    this.#database = new DatabaseSync(path, { timeout: lockWaitMs });
    try {
      prepare(this.#database);
      this.silences = new SqliteSilences(this.#database, logger);
      this.#upsert = this.#database.prepare(
        `INSERT INTO incidents (id, resolvedAtMs, body) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET resolvedAtMs = excluded.resolvedAtMs, body = excluded.body`,
      );
      // Keys are the users' data: nobody else on the host needs to read them.
      chmodSync(path, 0o600);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  load(resolvedMax: number): readonly Incident[] {
    const rows = this.#database
      .prepare(
        `SELECT body FROM incidents WHERE resolvedAtMs IS NULL OR id IN
           (SELECT id FROM incidents WHERE resolvedAtMs IS NOT NULL ORDER BY resolvedAtMs DESC LIMIT ?)
         ORDER BY resolvedAtMs, id`,
      )
      .all(resolvedMax);
    const incidents = rows.map(({ body }) => decodeIncident(String(body)));
    const whole = incidents.filter((incident) => incident !== null);
    const unreadable = incidents.length - whole.length;
    if (unreadable > 0)
      this.#logger.warn({ unreadable }, "stored incidents that cannot be read are left out");
    return whole;
  }

  save(incidents: readonly Incident[]): void {
    this.#write(() => {
      for (const incident of incidents) {
        this.#upsert.run(incident.id, incident.resolvedAtMs, encodeIncident(incident));
      }
    });
  }

  prune(beforeMs: number): void {
    this.#write(() => {
      this.#database.prepare("DELETE FROM incidents WHERE resolvedAtMs < ?").run(beforeMs);
      this.#database
        .prepare(
          `DELETE FROM incidents WHERE resolvedAtMs IS NOT NULL AND id NOT IN
             (SELECT id FROM incidents WHERE resolvedAtMs IS NOT NULL ORDER BY resolvedAtMs DESC LIMIT ?)`,
        )
        .run(RESOLVED_ROWS_MAX);
    });
  }

  close(): void {
    this.#database.close();
  }

  /** One transaction is one flush of the disk, however many rows it has. */
  #write(statements: () => void): void {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      statements();
      this.#database.exec("COMMIT");
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw new StoreError("FAILED", "incidents could not be written", { cause });
    }
  }
}

function prepare(database: DatabaseSync): void {
  // Exclusive before WAL: no shared memory file, and a second process is refused instead of paging twice.
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  const isFresh = pragma(database, "schema_version") === 0;
  const version = pragma(database, "user_version");
  const isOurs =
    pragma(database, "application_id") === APPLICATION_ID &&
    (version === SCHEMA_VERSION || version === FIRST_SCHEMA_VERSION);
  if (!isFresh && !isOurs) throw new DamagedFile("not a store of this version of Keyheat");
  database.exec("PRAGMA journal_mode = WAL");
  // With FULL a commit is on the disk before it returns: a page that went out is never forgotten.
  database.exec("PRAGMA synchronous = FULL");
  if (isFresh) create(database);
  else if (version === FIRST_SCHEMA_VERSION) upgrade(database);
  const verdict = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (verdict !== "ok") throw new DamagedFile(`quick_check: ${verdict}`);
  // Takes the lock now, and not with the first write.
  database.exec("BEGIN IMMEDIATE; COMMIT");
}

function create(database: DatabaseSync): void {
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE incidents (id TEXT PRIMARY KEY, resolvedAtMs INTEGER, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX incidentsByResolution ON incidents (resolvedAtMs);
    ${CREATE_SILENCES}
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;`);
}

/** All of it, or nothing. */
function upgrade(database: DatabaseSync): void {
  database.exec(`BEGIN IMMEDIATE; ${CREATE_SILENCES} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

function setAsideUnlessFile(path: string, nowMs: number, logger: Logger): void {
  if (existsSync(path) && !statSync(path).isFile()) {
    setAside(path, nowMs, logger, new DamagedFile("not a file"));
  }
}

function setAside(path: string, nowMs: number, logger: Logger, err: unknown): void {
  const aside = `${path}.damaged-${new Date(nowMs).toISOString().replaceAll(":", "")}`;
  renameSync(path, aside);
  for (const suffix of ["-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  logger.warn({ path, aside, err }, "incident store is damaged: set aside, starting with an empty one");
}

function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  return error instanceof DamagedFile || code === CORRUPT || code === NOT_A_DATABASE;
}

/** SQLite's base result code; `null` for errors of other origin. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

function openingError(directory: string, cause: unknown): StoreError {
  const code = resultCode(cause);
  if (code === BUSY || code === LOCKED) {
    const message = `another process keeps its incidents under ${directory}: stop it, or choose another --data-dir`;
    return new StoreError("LOCKED", message, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `cannot keep incidents under ${directory} (${reason}): make it writable for this user, or choose another --data-dir`;
  return new StoreError("UNWRITABLE", message, { cause });
}
