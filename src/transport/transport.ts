import type { ClientsReport } from "../model/clients.ts";
import type { PanePart } from "../model/pane.ts";
import type { ServicesReport } from "../model/services.ts";
import type { KeyFacts, TargetReport } from "../model/target.ts";
import type { TopologyReport } from "../model/topology.ts";
import type { StageBooks } from "../runtime/accounting.ts";

/** What agents tell aggregators. */
export type Message = PanePart | TargetReport | KeyFacts | ServicesReport | TopologyReport | ClientsReport;

/** Takes a batch; the next one waits until it has resolved. A batch whose handler failed comes again unchanged. */
export type MessageHandler = (messages: readonly Message[]) => void | Promise<void>;

/** The agents' end of the way to aggregators. Delivery is at least once: parts are told apart by their identity. */
export interface Outlet {
  /** Never blocks, never throws: keeps the messages in a bounded backlog until they are delivered. */
  publish(messages: readonly Message[]): void;
  /** Takes no more messages, delivers what it has for at most `deadlineMs`, and drops, and counts, the rest. */
  close(deadlineMs: number): Promise<void>;
  readonly backlogBytes: number;
  books(): StageBooks[];
}

/** Both ends in one process. */
export interface Transport extends Outlet {
  /** Sets the one consumer. */
  consume(handler: MessageHandler): void;
}
