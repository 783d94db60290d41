import { KEPT_KEY_BYTES_MAX } from "../model/key.ts";
import { COMMANDS_PER_ENTRY, type PaneEntries, type PanePart, SERVICES_PER_ENTRY } from "../model/pane.ts";
import { SLOT_COUNT } from "../model/slot.ts";
import { SCALED_UNITS } from "./scaled-sums.ts";
import { scaleOf } from "./stored-part.ts";
import { VANTAGES } from "./vantage.ts";

/** Longest pane: several that waited for a broker, merged into one. */
const LENGTH_MS_MAX = 60_000;
const START_MS_MAX = 2 ** 43;
/** Parts that one pane may have in one bucket: with early ones each 200 ms a second has five. */
const PARTS_MAX = 4096;
const BUCKETS_MAX = 4096;
const NAME_CHARACTERS_MAX = 512;

/**
 * What is wrong with a part, or `null`. A sum that has taken in a fraction, a `NaN` or a negative count never gets
 * rid of it, so such a part is refused as a whole.
 */
export function problemOfPart(part: PanePart, hopMs: number): string | null {
  return problemOfShape(part, hopMs) ?? problemOfEntries(part.entries, countMax(scaleOf(part)));
}

function problemOfShape(part: PanePart, hopMs: number): string | null {
  const { startMs, lengthMs, bucket, buckets, total } = part;
  if (!VANTAGES.includes(part.vantage)) return "unknown vantage";
  if (![part.agent, part.cluster, part.target].every((name) => name.length <= NAME_CHARACTERS_MAX)) {
    return "name too long";
  }
  if (!isCount(lengthMs) || lengthMs === 0 || lengthMs % hopMs !== 0 || lengthMs > LENGTH_MS_MAX) {
    return "its length is not a multiple of the hop";
  }
  if (!(startMs >= 0 && startMs <= START_MS_MAX) || startMs % lengthMs !== 0)
    return "its start is not aligned";
  if (!isCount(buckets) || buckets === 0 || buckets > BUCKETS_MAX) return "invalid number of buckets";
  if (!isCount(bucket) || bucket >= buckets) return "no such bucket";
  if (!isCount(part.part) || part.part >= PARTS_MAX) return "too many parts";
  if (part.closing && !(isCount(part.parts) && part.parts > 0 && part.parts <= PARTS_MAX)) {
    return "invalid number of parts";
  }
  if (![part.floor, total.read, total.write, total.miss].every(isCount)) return "invalid count";
  if (![part.probability, part.watchedShare].every((share) => share > 0 && share <= 1)) {
    return "invalid probability or watched share";
  }
  const scale = scaleOf(part);
  if (scale > SCALED_COUNT_MAX) return "it was sampled too thinly";
  if (part.floor > countMax(scale)) return "invalid count";
  const slotsValid =
    part.slots?.every(([first, last]) => isSlot(first) && isSlot(last) && first <= last) ?? true;
  return slotsValid ? null : "invalid slots";
}

function problemOfEntries(entries: PaneEntries, max: number): string | null {
  const { length, keyOffsets, keyBytes } = entries;
  const counts = [entries.reads, entries.writes, entries.misses, entries.maybes, entries.errors];
  const commands = length * COMMANDS_PER_ENTRY;
  const columnsFit =
    keyOffsets.length === length + 1 &&
    entries.dbs.length === length &&
    entries.currentPerSecond.length === length &&
    entries.commandIds.length === commands &&
    entries.commandCounts.length === commands &&
    counts.every((column) => column.length === length);
  if (!columnsFit || !clientColumnsFit(entries)) return "columns of different lengths";
  if (keyOffsets[length]! > keyBytes.length) return "key bytes missing";
  for (let i = 0; i < length; i++) {
    const keyLength = keyOffsets[i + 1]! - keyOffsets[i]!;
    if (keyLength < 0 || keyLength > KEPT_KEY_BYTES_MAX) return "invalid key length";
  }
  if (!counts.every((column) => areCounts(column, max))) return "invalid count";
  const { clients } = entries;
  if (clients === null) return null;
  const areValid = areCounts(clients.absorbed, max) && areCounts(clients.bytes, max * BYTES_PER_ACCESS_MAX);
  return areValid ? null : "invalid count";
}

function clientColumnsFit({ length, clients }: PaneEntries): boolean {
  if (clients === null) return true;
  const services = length * SERVICES_PER_ENTRY;
  return (
    [clients.absorbed, clients.bytes].every((column) => column.length === length) &&
    clients.serviceIds.length === services &&
    clients.serviceCounts.length === services
  );
}

function areCounts(column: Float64Array, max: number): boolean {
  for (let i = 0; i < column.length; i++) if (!isCountUpTo(column[i]!, max)) return false;
  return true;
}

/** Sums over all panes of a window and all targets stay below 2^53, where they would begin to round. */
const COUNT_MAX = 2 ** 36;
const SCALED_COUNT_MAX = COUNT_MAX / SCALED_UNITS;
/** Bytes are larger numbers than counts, and nothing is subtracted from what they are scaled to. */
const BYTES_PER_ACCESS_MAX = 1024;

/** What sampled counts are scaled to is summed in fractions of an access, so it has less room. */
function countMax(scale: number): number {
  return scale === 1 ? COUNT_MAX : SCALED_COUNT_MAX / scale;
}

function isCount(value: number): boolean {
  return isCountUpTo(value, COUNT_MAX);
}

function isCountUpTo(value: number, max: number): boolean {
  return value >= 0 && value <= max && Math.floor(value) === value;
}

function isSlot(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < SLOT_COUNT;
}
