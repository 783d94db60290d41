import type { IncidentGroup } from "../../model/incident.ts";
import { incidentJson } from "../../model/incident-json.ts";

/** Larger messages leave incidents out, and say how many. */
export const BODY_BYTES_MAX = 256 * 1024;
/** Room for all of a group's body that is not an incident. */
const FRAME_BYTES = 256;

/**
 * The body of a webhook: one incident by itself, several as `incident.group`; `"test":true` where somebody tries it out.
 *
 * At least one incident is always in it; of the others, as many as fit into `bytesMax`.
 */
export function webhookBody(group: IncidentGroup, bytesMax = BODY_BYTES_MAX): Buffer {
  const test = group.isTest ? `"test":true,` : "";
  const timestamp = JSON.stringify(new Date(group.atMs).toISOString());
  const incidents: string[] = [];
  let bytes = FRAME_BYTES;
  for (const incident of group.incidents) {
    const text = JSON.stringify(incidentJson(incident));
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > bytesMax && incidents.length > 0) break;
    incidents.push(text);
  }
  const more = group.more + group.incidents.length - incidents.length;
  if (incidents.length === 1 && more === 0) {
    return Buffer.from(
      `{"type":"incident.${group.event}",${test}"timestamp":${timestamp},"data":${incidents[0]}}`,
    );
  }
  const data = `{"incidents":[${incidents.join(",")}],"more":${more}}`;
  return Buffer.from(`{"type":"incident.group",${test}"timestamp":${timestamp},"data":${data}}`);
}
