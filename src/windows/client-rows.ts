import { type ClientColumns, SERVICES_PER_ENTRY } from "../model/pane.ts";
import { type NamedEntries, type NamedRows, namedRowsBytes, namedRowsOf } from "./named-rows.ts";

/** What only clients tell of the hotter keys of a part, scaled to all accesses. */
export interface ClientRows {
  readonly services: NamedRows;
  /** Reads that the clients' own caches answered, by the rows of `services`. */
  readonly absorbed: Float64Array;
  /** Bytes of requests and replies, likewise. */
  readonly bytes: Float64Array;
}

export function clientRowsOf(
  columns: ClientColumns,
  entries: NamedEntries,
  scale: number,
): ClientRows | null {
  const { serviceIds, serviceCounts, serviceNames } = columns;
  const services = namedRowsOf(
    { places: SERVICES_PER_ENTRY, ids: serviceIds, counts: serviceCounts, names: serviceNames },
    entries,
    scale,
  );
  if (services === null) return null;
  const rows = entries.rows.slice(0, services.handles.length);
  return {
    services,
    absorbed: Float64Array.from(rows, (row) => columns.absorbed[row]! * scale),
    bytes: Float64Array.from(rows, (row) => columns.bytes[row]! * scale),
  };
}

export function clientRowsBytes(rows: ClientRows | null): number {
  return rows === null ? 0 : namedRowsBytes(rows.services) + rows.absorbed.byteLength + rows.bytes.byteLength;
}
