import assert from "node:assert/strict";
import { it } from "node:test";
import { listedClients } from "../../../../src/scans/monitor/client-list.ts";
import { LineLag } from "../../../../src/scans/monitor/lag.ts";

it("CLIENT LIST tells who is who, as MONITOR names them, and what is held back", () => {
  const text = [
    "id=9 addr=127.0.0.1:57164 laddr=127.0.0.1:6379 fd=7 name= obl=12 oll=0 omem=20504 tot-mem=23296 cmd=monitor",
    "id=10 addr=[::1]:57165 laddr=[::1]:6379 fd=8 name=id=3 obl=0 oll=0 omem=0",
    "id=11 addr=/run/a b.sock:0 laddr=/run/a b.sock:0 fd=8 name= obl=0 oll=0 omem=0",
    "",
    "no client",
  ].join("\n");
  assert.deepEqual(listedClients(text), [
    { id: 9, monitorAddress: "127.0.0.1:57164", outputBytes: 20_516 },
    { id: 10, monitorAddress: "[::1]:57165", outputBytes: 0 },
    { id: 11, monitorAddress: "unix:/run/a b.sock", outputBytes: 0 },
  ]);
});

it("a line's lag is what it came later than the line that came soonest, whatever the clocks say", () => {
  const lag = new LineLag();
  assert.equal(lag.lagMs, 0);
  lag.note(1_700_000_000_000, 500);
  assert.equal(lag.lagMs, 0);
  lag.note(1_700_000_000_100, 900);
  assert.equal(lag.lagMs, 300);
  lag.note(1_700_000_000_900, 1350);
  assert.equal(lag.lagMs, 0);
  lag.note(1_700_000_001_000, 1500);
  assert.equal(lag.lagMs, 50);
});
