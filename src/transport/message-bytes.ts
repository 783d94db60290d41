import { partBytes } from "../model/pane.ts";
import type { Message } from "./transport.ts";

const REPORT_BYTES = 1024;
const SOURCE_BYTES = 256;
const SLOT_RANGE_BYTES = 32;
const FACTS_BYTES = 384;
const SERVICES_BYTES = 256;
const SERVICE_BYTES = 128;
const TOPOLOGY_BYTES = 256;
const TARGET_BYTES = 64;
const CLIENTS_BYTES = 512;

/** Memory that a message takes, in bytes: an estimate from above. */
export function messageBytes(message: Message): number {
  if (message.type === "part") return partBytes(message);
  if (message.type === "facts") return FACTS_BYTES + message.bytes.length;
  if (message.type === "clients") return CLIENTS_BYTES;
  if (message.type === "services") {
    const names = message.services.reduce((sum, { name }) => sum + 2 * name.length, 0);
    return SERVICES_BYTES + message.services.length * SERVICE_BYTES + names;
  }
  if (message.type === "topology") {
    return message.targets.reduce((sum, target) => sum + TARGET_BYTES + 2 * target.length, TOPOLOGY_BYTES);
  }
  const { sources, slots } = message;
  const reasons = sources.reduce((sum, { reason }) => sum + 2 * (reason?.length ?? 0), 0);
  return REPORT_BYTES + sources.length * SOURCE_BYTES + reasons + (slots?.length ?? 0) * SLOT_RANGE_BYTES;
}
