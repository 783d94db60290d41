import type { Bounds } from "../../model/heat.ts";
import { keyId } from "../../model/key.ts";
import { COMMANDS_PER_ENTRY, type PanePart } from "../../model/pane.ts";
import { sureOf } from "../../panes/columns.ts";
import { mergePanes, streamOf } from "../../panes/merge.ts";
import { boundsOf } from "../counted-key.ts";

/** Keys that are kept of all panes. */
const ENTRIES_MAX = 10_000;

/** What was counted of one key. */
export interface EventCount {
  readonly db: number;
  /** In its kept form. */
  readonly key: Uint8Array;
  /** Estimates: where not every event was counted, with what those that were stand for. */
  readonly write: number;
  readonly miss: number;
  readonly count: Bounds;
  readonly commands: Readonly<Record<string, number>>;
}

interface Sums {
  db: number;
  key: Uint8Array;
  write: number;
  miss: number;
  sure: number;
  estimate: number;
  upper: number;
  readonly commands: Map<string, number>;
  readonly parts: Set<PanePart>;
}

/** Merges the panes of one server, as they come, in bounded memory. */
export class EventCounts {
  panes = 0;
  /** In which events may have gone unseen. */
  incompletePanes = 0;
  /** By stream: those that were sampled in another way cannot be added up as they are. */
  readonly #merged = new Map<string, PanePart>();
  readonly #waiting: PanePart[] = [];

  /** Whether not every event was counted, since this process could not keep up. */
  get isSampled(): boolean {
    return this.#parts.some((part) => fractionOf(part) < 1);
  }

  /** Accesses that were surely seen. */
  get observed(): { readonly write: number; readonly miss: number } {
    const sum = { write: 0, miss: 0 };
    for (const part of this.#parts) {
      sum.write += part.total.write;
      sum.miss += part.total.miss;
    }
    return sum;
  }

  /** Parts of a pane that is still open. */
  addEarly(parts: readonly PanePart[]): void {
    this.#waiting.push(...parts);
  }

  /** The last parts of a pane; none: nobody watched. */
  closePane(parts: readonly PanePart[]): void {
    this.panes++;
    if (!parts.some(({ closing, complete }) => closing && complete)) this.incompletePanes++;
    const streams = Map.groupBy([...this.#waiting.splice(0), ...parts], streamOf);
    for (const [stream, together] of streams) this.#merge(stream, together);
  }

  /** Every key that is still kept. */
  *keys(): Generator<EventCount> {
    const sums = new Map<string, Sums>();
    for (const part of this.#parts) addPart(sums, part);
    const floor = this.#parts.reduce((sum, part) => sum + part.floor, 0);
    const isWhole = this.incompletePanes === 0 && !this.isSampled;
    for (const row of sums.values()) {
      const absentFloors = [...row.parts].reduce((left, part) => left - part.floor, floor);
      yield countOf(row, isWhole ? row.upper + absentFloors : null);
    }
  }

  get #parts(): readonly PanePart[] {
    return [...this.#merged.values()];
  }

  #merge(stream: string, parts: readonly PanePart[]): void {
    const before = this.#merged.get(stream);
    const all = before === undefined ? parts : [before, ...parts];
    const { startMs, lengthMs } = all[0]!;
    const place = { startMs, lengthMs, part: 0, complete: true, entriesMax: ENTRIES_MAX };
    this.#merged.set(stream, mergePanes(all, place));
  }
}

/** With which an event was counted. */
function fractionOf({ probability, watchedShare }: PanePart): number {
  return probability * watchedShare;
}

function addPart(sums: Map<string, Sums>, part: PanePart): void {
  const { entries } = part;
  const scale = 1 / fractionOf(part);
  for (let i = 0; i < entries.length; i++) {
    const key = entries.keyBytes.subarray(entries.keyOffsets[i]!, entries.keyOffsets[i + 1]!);
    const db = entries.dbs[i]!;
    const row = rowOf(sums, db, key);
    const counts = { read: entries.reads[i]!, write: entries.writes[i]!, miss: entries.misses[i]! };
    row.write += counts.write * scale;
    row.miss += counts.miss * scale;
    row.sure += sureOf(counts);
    row.estimate += sureOf(counts) * scale;
    row.upper += sureOf(counts) + entries.maybes[i]! + entries.errors[i]!;
    row.parts.add(part);
    addCommands(row.commands, part, i);
  }
}

function rowOf(sums: Map<string, Sums>, db: number, key: Uint8Array): Sums {
  const id = keyId(db, key);
  const known = sums.get(id);
  if (known !== undefined) return known;
  const zeros = { write: 0, miss: 0, sure: 0, estimate: 0, upper: 0 };
  const row = { db, key, ...zeros, commands: new Map<string, number>(), parts: new Set<PanePart>() };
  sums.set(id, row);
  return row;
}

function addCommands(commands: Map<string, number>, { entries }: PanePart, i: number): void {
  for (let place = i * COMMANDS_PER_ENTRY; place < (i + 1) * COMMANDS_PER_ENTRY; place++) {
    const id = entries.commandIds[place]!;
    const name = id === 0 ? undefined : entries.commandNames[id - 1];
    if (name !== undefined) commands.set(name, (commands.get(name) ?? 0) + entries.commandCounts[place]!);
  }
}

function countOf({ db, key, write, miss, sure, estimate, commands }: Sums, upper: number | null): EventCount {
  const bounds = boundsOf(sure, upper);
  const count = upper === null ? { ...bounds, estimate } : bounds;
  const byCount = [...commands].sort(([, a], [, b]) => b - a);
  return { db, key, write, miss, count, commands: Object.fromEntries(byCount) };
}
