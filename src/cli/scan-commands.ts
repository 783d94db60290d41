import type { Command } from "commander";
import { examples } from "./arguments.ts";
import { addBalance } from "./scan/balance-command.ts";
import { addBig } from "./scan/big-command.ts";
import { addEvents } from "./scan/events-command.ts";
import { addHot } from "./scan/hot-command.ts";
import { addMemory } from "./scan/memory-command.ts";
import { addMonitor } from "./scan/monitor-command.ts";
import { addSlow } from "./scan/slow-command.ts";

/** `keyheat scan ...`: one look at a server that is safe on production. */
export function addScan(program: Command, done: (exitCode: number) => void): void {
  const scan = program
    .command("scan")
    .summary("look at a server once, safely")
    .description(
      "One-off looks at Redis and Valkey servers: within a budget of commands a second, slower when the server's latency rises. In Redis Cluster all primaries are looked at. Ctrl-C prints what was found so far.",
    )
    .addHelpText(
      "after",
      examples([
        "keyheat scan big --redis redis://10.0.0.1:6379",
        "keyheat scan balance --redis redis://10.0.0.1:6379 --json",
      ]),
    );
  addMonitor(scan, done);
  addEvents(scan, done);
  addHot(scan, done);
  addBig(scan, done);
  addMemory(scan, done);
  addSlow(scan, done);
  addBalance(scan, done);
}
