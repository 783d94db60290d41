import { type PanePart, partIdentity } from "../model/pane.ts";
import type { Ledger } from "../runtime/accounting.ts";
import { coarseGroupOf, finePane, mergeWaiting, type WaitingPane } from "./coarsen.ts";
import { messageBytes } from "./message-bytes.ts";
import type { Message } from "./transport.ts";

export interface BacklogOptions {
  /** So much may wait, what is being sent included. */
  readonly bytesMax: number;
  /** So much leaves at once. */
  readonly batchBytesMax: number;
  /** Entries of a merged pane. */
  readonly entriesMax: number;
  readonly ledger: Ledger;
}

interface Item {
  readonly message: Message;
  readonly bytes: number;
  /** How many published messages it stands for: more than one after a merge. */
  readonly count: number;
  /** What a merge knows beyond the part itself. */
  readonly merged: WaitingPane | null;
}

/** Once it must merge, it merges until so much of its bytes is in use, so that it need not at each message. */
const LOW_WATER = 0.75;

/**
 * Messages that wait to be sent, oldest first, in bounded bytes.
 *
 * A batch that was tried may have arrived: it stays as it is until it is confirmed. When bytes run out, whole panes that
 * were never tried and lie inside one aligned 10 s are merged (bounds stay true, resolution coarsens); where that is not
 * enough the oldest untried messages are dropped and counted.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  #tried: readonly Item[] = [];
  #triedBytes = 0;
  #waiting: Item[] = [];
  #waitingBytes = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#triedBytes + this.#waitingBytes;
  }

  /** How many published messages are neither delivered nor dropped. */
  get pending(): number {
    return countOf(this.#tried) + countOf(this.#waiting);
  }

  add(messages: readonly Message[]): void {
    for (const message of messages) {
      const item = { message, bytes: messageBytes(message), count: 1, merged: null };
      this.#waiting.push(item);
      this.#waitingBytes += item.bytes;
    }
    if (this.bytes > this.#options.bytesMax) this.#makeRoom();
  }

  /** The batch to send now: the tried one, unchanged, while it stands. Empty: nothing waits. */
  batch(): readonly Message[] {
    if (this.#tried.length === 0) this.#takeBatch();
    return this.#tried.map(({ message }) => message);
  }

  /**
   * The batch has arrived, but for the messages in `refused`, by reason: they are dropped and counted. Returns how many
   * published messages arrived.
   */
  confirm(refused: Readonly<Record<string, ReadonlySet<Message>>> = {}): number {
    let lost = 0;
    for (const [reason, messages] of Object.entries(refused)) {
      const count = countOf(this.#tried.filter(({ message }) => messages.has(message)));
      if (count > 0) this.#options.ledger.drop(reason, count);
      lost += count;
    }
    const arrived = countOf(this.#tried) - lost;
    this.#tried = [];
    this.#triedBytes = 0;
    return arrived;
  }

  /** Drops everything, and counts it. */
  dropAll(reason: string): void {
    this.#options.ledger.drop(reason, this.pending);
    this.confirm();
    this.#setWaiting([]);
  }

  #takeBatch(): void {
    let length = 0;
    let bytes = 0;
    for (const item of this.#waiting) {
      if (length > 0 && bytes + item.bytes > this.#options.batchBytesMax) break;
      length++;
      bytes += item.bytes;
    }
    this.#tried = this.#waiting.splice(0, length);
    this.#triedBytes = bytes;
    this.#waitingBytes -= bytes;
  }

  #makeRoom(): void {
    this.#coarsen();
    const { bytesMax, ledger } = this.#options;
    let dropped = 0;
    let droppedCount = 0;
    while (this.bytes > bytesMax && dropped < this.#waiting.length) {
      const item = this.#waiting[dropped++]!;
      this.#waitingBytes -= item.bytes;
      droppedCount += item.count;
    }
    if (dropped === 0) return;
    this.#waiting.splice(0, dropped);
    ledger.drop("backlog-full", droppedCount);
  }

  /** Merges group by group, the oldest first, down to the low-water mark. */
  #coarsen(): void {
    const { bytesMax, entriesMax } = this.#options;
    const replaced = new Map<Item, Item | null>();
    let freedBytes = 0;
    for (const panes of this.#groups()) {
      if (this.bytes - freedBytes <= bytesMax * LOW_WATER) break;
      const items = panes.flatMap((pane) => pane.items);
      const merged = mergeWaiting(
        panes.map(({ pane }) => pane),
        entriesMax,
      );
      const [message] = merged.parts as [PanePart];
      const bytes = messageBytes(message);
      freedBytes += items.reduce((sum, item) => sum + item.bytes, -bytes);
      // It takes the place of the first of its items.
      for (const item of items) replaced.set(item, null);
      replaced.set(items[0]!, { message, bytes, count: countOf(items), merged });
    }
    if (replaced.size === 0) return;
    this.#setWaiting(
      this.#waiting.flatMap((item) => {
        const replacement = replaced.get(item);
        return replacement === undefined ? [item] : replacement === null ? [] : [replacement];
      }),
    );
  }

  /** Whole panes that may be merged with at least one other, by their group, in the order of waiting. */
  #groups(): { pane: WaitingPane; items: readonly Item[] }[][] {
    const groups = new Map<string, { pane: WaitingPane; items: readonly Item[] }[]>();
    for (const items of itemsByPane(this.#waiting)) {
      const pane = wholePane(items);
      const group = pane && coarseGroupOf(pane);
      if (!pane || !group) continue;
      const panes = groups.get(group);
      if (panes) panes.push({ pane, items });
      else groups.set(group, [{ pane, items }]);
    }
    return [...groups.values()].filter((panes) => panes.length > 1);
  }

  #setWaiting(items: Item[]): void {
    this.#waiting = items;
    this.#waitingBytes = items.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

function countOf(items: readonly Item[]): number {
  return items.reduce((sum, { count }) => sum + count, 0);
}

function itemsByPane(items: readonly Item[]): Iterable<Item[]> {
  const byPane = new Map<string, Item[]>();
  for (const item of items) {
    if (item.message.type !== "part") continue;
    const { lengthMs, cluster } = item.message;
    const id = `${cluster}|${lengthMs}|${partIdentity({ ...item.message, part: item.merged ? item.message.part : 0 })}`;
    const same = byPane.get(id);
    if (same) same.push(item);
    else byPane.set(id, [item]);
  }
  return byPane.values();
}

/** The pane of these items if all its parts are among them; `null`: others were sent, dropped, or are to come. */
function wholePane(items: readonly Item[]): WaitingPane | null {
  const [first] = items;
  if (first?.merged) return first.merged;
  const parts = items.flatMap(({ message }) => (message.type === "part" ? [message] : []));
  const closing = parts.find((part) => part.closing);
  return closing?.parts === parts.length ? finePane(parts) : null;
}
