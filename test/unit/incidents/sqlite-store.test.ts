import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { pino } from "pino";
import { openStore } from "../../../src/incidents/sqlite-store.ts";
import { StoreError } from "../../../src/incidents/store.ts";
import { exactly } from "../../../src/model/heat.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { incidentOf, START_MS } from "./samples.ts";

describe("the incident store on disk", () => {
  let directory = "";
  const file = () => join(directory, "keyheat.db");
  const open = (logger = silentLogger) => openStore(directory, { logger, nowMs: START_MS, lockWaitMs: 0 });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "keyheat-store-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function warnings() {
    const lines: { msg: string }[] = [];
    const logger = pino({ level: "warn" }, { write: (line: string) => lines.push(JSON.parse(line)) });
    return { lines, logger };
  }

  it("gives back what was saved, with any bytes as key", () => {
    const bytes = new Uint8Array([0, 255, 10, 32, 0xf0, 0x9f]);
    const incident = incidentOf({
      key: { cluster: "shop", db: 3, bytes },
      notified: [{ receiver: "hook", atMs: 5, outcome: "delivered", event: "firing", severity: "warning" }],
    });
    const before = open();
    before.save([incident]);
    before.close();
    const after = open();
    assert.deepEqual(after.load(10), [incident]);
    after.close();
  });

  it("keeps what sampling made likely of a count, and takes it as unknown where it was stored before that", () => {
    const count = { estimate: 800, lower: 100, upper: null, likely: { lower: 560, upper: 1100 } };
    const before = open();
    before.save([incidentOf({ count }), incidentOf({ name: "old" })]);
    before.close();
    const database = new DatabaseSync(file());
    database.exec("UPDATE incidents SET body = json_remove(body, '$.count.likely') WHERE id LIKE '%old'");
    database.close();
    const after = open();
    const [old, sampled] = after.load(10).toSorted((a, b) => a.id.localeCompare(b.id));
    after.close();
    assert.deepEqual(sampled?.count, count);
    assert.deepEqual(old?.count, exactly(20_000));
  });

  it("replaces an incident by its newer state", () => {
    const store = open();
    store.save([incidentOf()]);
    store.save([incidentOf({ status: "resolved", resolvedAtMs: 9, reason: "cooled" })]);
    assert.deepEqual(
      store.load(10).map(({ status }) => status),
      ["resolved"],
    );
    store.close();
  });

  it("loads all open incidents and the latest resolved ones", () => {
    const store = open();
    const resolved = [1, 2, 3].map((n) =>
      incidentOf({ name: `old:${n}`, status: "resolved", resolvedAtMs: n }),
    );
    store.save([...resolved, incidentOf({ name: "open:1" }), incidentOf({ name: "open:2" })]);
    const ids = store.load(2).map(({ id }) => id);
    assert.deepEqual(
      ids,
      ["open:1", "open:2", "old:2", "old:3"].map((name) => `incident-of-${name}`),
    );
    store.close();
  });

  it("forgets what was resolved long ago, and nothing that is open", () => {
    const store = open();
    store.save([1, 2].map((n) => incidentOf({ name: `old:${n}`, status: "resolved", resolvedAtMs: n })));
    store.save([incidentOf({ name: "open" })]);
    store.prune(2);
    assert.deepEqual(
      store.load(10).map(({ id }) => id),
      ["incident-of-open", "incident-of-old:2"],
    );
    store.close();
  });

  it("is readable by its owner alone", () => {
    open().close();
    assert.equal(statSync(file()).mode & 0o777, 0o600);
  });

  it("sets a damaged file aside with one warning, and begins anew", () => {
    writeFileSync(file(), "this is no database, whatever its name says".repeat(100));
    const { lines, logger } = warnings();
    const store = open(logger);
    store.save([incidentOf()]);
    assert.equal(store.load(10).length, 1);
    store.close();
    assert.equal(lines.length, 1);
    const [aside] = readdirSync(directory).filter((name) => name.startsWith("keyheat.db.damaged-"));
    assert.match(readFileSync(join(directory, aside ?? ""), "utf8"), /^this is no database/);
  });

  it("sets aside a file that is damaged in the middle", () => {
    const before = open();
    before.save(Array.from({ length: 200 }, (_, n) => incidentOf({ name: `key:${n}` })));
    before.close();
    const bytes = readFileSync(file());
    bytes.fill(0xaa, 4096, 4096 * 8);
    writeFileSync(file(), bytes);
    const { lines, logger } = warnings();
    const store = open(logger);
    assert.deepEqual(store.load(10), []);
    store.close();
    assert.equal(lines.length, 1);
  });

  it("sets aside a database of somebody else, or of a version that it does not know", () => {
    const other = new DatabaseSync(file());
    other.exec("CREATE TABLE customers (name TEXT)");
    other.close();
    const { lines, logger } = warnings();
    open(logger).close();
    const newer = new DatabaseSync(file());
    newer.exec("PRAGMA user_version = 3");
    newer.close();
    openStore(directory, { logger, nowMs: START_MS + 1 }).close();
    assert.equal(lines.length, 2);
    assert.equal(readdirSync(directory).filter((name) => name.includes("damaged")).length, 2);
  });

  it("sets aside what is no file at all", () => {
    const { lines, logger } = warnings();
    openStore(directory, { logger, nowMs: START_MS }).close();
    rmSync(file());
    const nested = openStore(file(), { logger, nowMs: START_MS });
    nested.close();
    open(logger).close();
    assert.equal(lines.length, 1);
  });

  it("leaves out a row that it cannot read, with a warning, and keeps the others", () => {
    const store = open();
    store.save([incidentOf({ name: "good" })]);
    store.close();
    const database = new DatabaseSync(file());
    database.exec(`INSERT INTO incidents VALUES ('a', NULL, '{"id":"a"}'), ('b', NULL, 'no json')`);
    database.close();
    const { lines, logger } = warnings();
    const again = open(logger);
    assert.deepEqual(
      again.load(10).map(({ id }) => id),
      ["incident-of-good"],
    );
    again.close();
    assert.equal(lines.length, 1);
  });

  it("refuses a directory that another process uses, and leaves its file alone", () => {
    const first = open();
    first.save([incidentOf()]);
    assert.throws(open, (error: unknown) => error instanceof StoreError && error.code === "LOCKED");
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.includes("damaged")),
      [],
    );
    first.close();
  });

  it("says what to do where it cannot write", () => {
    writeFileSync(join(directory, "file"), "");
    const inside = join(directory, "file", "data");
    assert.throws(
      () => openStore(inside, { logger: silentLogger, nowMs: START_MS }),
      (error: unknown) =>
        error instanceof StoreError && error.code === "UNWRITABLE" && error.message.includes("--data-dir"),
    );
  });
});
