import { Aggregator } from "../../src/aggregator.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { IncidentBook } from "../../src/incidents/book.ts";
import { memoryStore } from "../../src/incidents/store.ts";
import type { Incident } from "../../src/model/incident.ts";
import type { PaneTotals } from "../../src/model/pane.ts";
import type { ServicesReport } from "../../src/model/services.ts";
import { RuleSet } from "../../src/rules/rule-set.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { Message } from "../../src/transport/transport.ts";
import { Roster } from "../../src/windows/roster.ts";
import { ServiceTable } from "../../src/windows/service-table.ts";
import { TargetTable } from "../../src/windows/target-table.ts";
import { Windows } from "../../src/windows/windows.ts";
import { makePart, makeReport, type PartFields, type Row } from "./parts.ts";
import { SimulatedClock } from "./simulated-clock.ts";

export interface Second {
  /** What the keyspace source saw. */
  readonly rows?: readonly Row[];
  /** What clients reported; `undefined`: none do. */
  readonly clientRows?: readonly Row[];
  /** Of all accesses of the server. */
  readonly totals?: PaneTotals;
  readonly part?: PartFields;
  /** The agent is silent. */
  readonly isLost?: boolean;
  /** What the agent says comes together with what it says next. */
  readonly isDelayed?: boolean;
}

/** One server under simulated time: traffic goes in second by second, incidents come out. */
export class JudgedTraffic {
  readonly clock = new SimulatedClock();
  /** Each change of state: `firing +12` where it came 12 s after the last `mark`. */
  readonly states: string[] = [];
  /** Of the agent: another one after the wall clock was set. */
  epoch = 1;
  readonly incidents: IncidentBook;
  readonly windows: Windows;
  readonly #aggregator: Aggregator;
  readonly #delayed: Message[] = [];
  #markedMs = this.clock.now();

  constructor(rules: readonly object[], stored: readonly Incident[] = []) {
    const config = defaultConfig({ redisUrls: ["redis://10.0.0.1:6379"], rules });
    const { clock } = this;
    this.windows = new Windows({
      windowsMs: config.windows,
      hopMs: 1000,
      graceMs: 2000,
      ledger: new Ledger("windows"),
      logger: silentLogger,
    });
    const compiled = new RuleSet(config.rules);
    this.incidents = new IncidentBook({
      rules: config.rules,
      isJudged: (incident) => compiled.judges(incident),
      store: { ...memoryStore(), load: () => stored },
      ledger: new Ledger("incidents"),
      logger: silentLogger,
      nowMs: clock.now(),
    });
    this.#aggregator = new Aggregator({
      rules: config.rules,
      targets: new TargetTable(),
      roster: new Roster(),
      services: new ServiceTable(clock.now()),
      incidents: this.incidents,
      clock,
      onIncident: ({ status, reason }: Incident) => {
        const state = reason === null ? status : `${status} (${reason})`;
        const last = this.states.at(-1)?.replace(/ \+\d+$/, "");
        const seconds = Math.round((clock.now() - this.#markedMs) / 1000);
        if (last !== state) this.states.push(`${state} +${seconds}`);
      },
    });
    this.#aggregator.evaluate(this.windows);
    this.#aggregator.start();
  }

  /** From here on seconds are told. */
  mark(): void {
    this.#markedMs = this.clock.now();
    this.states.length = 0;
  }

  pass(seconds: number, of: Second | ((second: number) => Second)): void {
    for (let second = 0; second < seconds; second++) this.#second(typeof of === "function" ? of(second) : of);
  }

  /** The newest incident. */
  get incident(): Incident | undefined {
    return this.incidents.list({ limit: 1 })[0];
  }

  #second({ rows = [], clientRows, totals, part, isLost, isDelayed }: Second): void {
    const startMs = this.clock.now();
    this.clock.advance(1000);
    if (isLost) return;
    const told = clientRows && {
      startMs,
      vantage: "clients" as const,
      sees: ["read", "write", "miss"] as const,
      complete: false,
      rows: clientRows,
    };
    this.#delayed.push(
      makePart({ startMs, epoch: this.epoch, rows, totals: totals ?? null, ...part }),
      makeReport({ atMs: this.clock.now(), epoch: this.epoch }),
      ...(told ? [makePart(told), this.#services()] : []),
    );
    if (!isDelayed) this.#aggregator.take(this.windows, this.#delayed.splice(0));
  }

  /** The one service whose clients report. */
  #services(): ServicesReport {
    const atMs = this.clock.now();
    const shop = {
      name: "shop",
      instances: 1,
      heardMs: atMs,
      returnedMs: 0,
      gapMs: 1000,
      saidGoodbye: false,
    };
    return { type: "services", agent: "agent-a", cluster: "default", atMs, services: [shop] };
  }
}
