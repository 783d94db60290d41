import assert from "node:assert/strict";
import { test } from "node:test";
import { demandsOver } from "../../src/cluster-demands.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { PanesLanes } from "../../src/panes-lanes.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { HeatBoard } from "../../src/windows/heat-board.ts";
import { TargetTable } from "../../src/windows/target-table.ts";
import { makePart, makeReport } from "../support/parts.ts";

test("while a partition is being read again, nothing is known of keys that it may bring", () => {
  const config = defaultConfig({ redisUrls: [] });
  const ledgers = {
    records: new Ledger("panes"),
    windows: new Ledger("windows"),
    entries: new Ledger("entries"),
  };
  const lanes = new PanesLanes({
    config,
    partitionOf: (_, bucket) => bucket,
    ledgers,
    logger: silentLogger,
  });
  const look = () =>
    demandsOver("default", 1000, {
      config,
      targets: new TargetTable(),
      leasesOf: () => [],
      lanes: lanes.all(),
      board: new HeatBoard(),
    });
  const [known, again] = [lanes.open(0), lanes.open(1)];
  for (let startMs = 0; startMs < 15_000; startMs += 1000) {
    const nowMs = startMs + 1000;
    known.windows.add(makePart({ startMs, buckets: config.kafka.buckets }), nowMs);
    known.windows.expect(makeReport({ atMs: nowMs }));
    known.windows.advance(nowMs);
  }
  known.caughtUp();
  assert.deepEqual(look(), { demands: [], complete: false });
  again.caughtUp();
  assert.deepEqual(look(), { demands: [], complete: true });
});
