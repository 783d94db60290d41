import type { ClientsReport } from "../../model/clients.ts";
import type { PanePart } from "../../model/pane.ts";
import { NO_TARGET } from "../../model/target.ts";

type OpenReport = { -readonly [Field in keyof ClientsReport]: ClientsReport[Field] };

/** Sums up what parts of clients tell of each target, whatever the bucket. */
export class ClientsReports {
  #number = 0;

  /** Of the parts of one round. */
  of(parts: readonly PanePart[]): ClientsReport[] {
    const reports = new Map<string, OpenReport>();
    for (const part of parts) {
      // Of what is served nobody knows where, nobody knows how much ran.
      if (part.target === NO_TARGET) continue;
      const { epoch, cluster, target, startMs, total, probability } = part;
      const id = JSON.stringify([epoch, cluster, target, startMs]);
      const report = reports.get(id) ?? this.#open(part);
      reports.set(id, report);
      report.closing ||= part.closing;
      report.read += total.read / probability;
      report.write += total.write / probability;
    }
    return [...reports.values()].filter(({ closing, read, write }) => closing || read + write > 0);
  }

  #open({ agent, epoch, cluster, target, startMs, lengthMs }: PanePart): OpenReport {
    const number = ++this.#number;
    const nothing = { closing: false, read: 0, write: 0 };
    return { type: "clients", agent, epoch, cluster, target, number, startMs, lengthMs, ...nothing };
  }
}
