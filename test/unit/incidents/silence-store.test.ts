import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openStore } from "../../../src/incidents/sqlite-store.ts";
import type { Silence } from "../../../src/model/silence.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { incidentOf, START_MS } from "./samples.ts";

const silence: Silence = {
  id: "quiet",
  matchers: { key: "sale:*", severity: "warning" },
  startsAtMs: START_MS,
  endsAtMs: START_MS + 60_000,
  comment: "the sale",
  createdBy: "ops",
  createdAtMs: START_MS,
};

describe("silences on disk", () => {
  let directory = "";
  const file = () => join(directory, "keyheat.db");
  const open = () => openStore(directory, { logger: silentLogger, nowMs: START_MS, lockWaitMs: 0 });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "keyheat-silences-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("come back after a restart, in the order in which they were made, but for those removed or over", () => {
    const before = open();
    before.silences.save({ ...silence, id: "later", createdAtMs: START_MS + 5 });
    before.silences.save(silence);
    before.silences.save({ ...silence, id: "removed" });
    before.silences.save({ ...silence, id: "over", endsAtMs: START_MS - 1 });
    before.silences.remove("removed");
    before.silences.remove("unknown");
    before.silences.prune(START_MS);
    before.close();
    const after = open();
    assert.deepEqual(
      after.silences.load().map(({ id }) => id),
      ["quiet", "later"],
    );
    assert.deepEqual(after.silences.load()[0], silence);
    after.close();
  });

  it("are taken up by a file of the version without them, which keeps its incidents", () => {
    const store = open();
    store.save([incidentOf()]);
    store.close();
    const older = new DatabaseSync(file());
    older.exec("DROP TABLE silences; PRAGMA user_version = 1");
    older.close();
    const upgraded = open();
    assert.deepEqual(
      upgraded.load(10).map(({ id }) => id),
      [incidentOf().id],
    );
    upgraded.silences.save(silence);
    upgraded.close();
    const again = open();
    assert.deepEqual(again.silences.load(), [silence]);
    again.close();
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.includes("damaged")),
      [],
    );
  });

  it("that cannot be read, or would match everything, are left out", () => {
    const store = open();
    store.silences.save(silence);
    store.silences.save({ ...silence, id: "empty", matchers: {} });
    store.silences.save({ ...silence, id: "typed" });
    store.close();
    const database = new DatabaseSync(file());
    database.exec("UPDATE silences SET body = json_set(body, '$.endsAtMs', 'soon') WHERE id = 'typed'");
    database.exec("INSERT INTO silences VALUES ('torn', 1, '{\"id\":')");
    database.close();
    const again = open();
    assert.deepEqual(again.silences.load(), [silence]);
    again.close();
  });
});
