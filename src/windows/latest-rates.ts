import type { PanePart } from "../model/pane.ts";
import { CellPages } from "./cell-pages.ts";

const ORDER = 0;
const RATE = 1;
const TRACK = 2;
const RATE_BEFORE = 3;
/** Of early parts, where agents are added up: they do not add up, for one agent may send several in a pane. */
const RATE_EARLY = 4;
/** Of the part that named the track: the largest of the pane. */
const TRACK_RATE = 5;
const STRIDE = 6;
/** Parts of one pane are told apart up to this number. */
const PARTS_PER_PANE = 1024;

/** What the newest part that names a key says of it, in one vantage: its rate, and where it was hottest. */
export class LatestRates {
  readonly #cells = new CellPages(STRIDE);
  readonly #isAdditive: boolean;
  readonly #hopMs: number;

  constructor(isAdditive: boolean, hopMs: number) {
    this.#isAdditive = isAdditive;
    this.#hopMs = hopMs;
  }

  /** `ratePerSecond`: at the end of the part. */
  note(handle: number, part: PanePart, trackId: number, ratePerSecond: number): void {
    const page = this.#cells.page(handle);
    const at = this.#cells.offset(handle);
    const order = orderOf(part);
    if (this.#isAdditive) {
      if (!this.#turnTo(page, at, part.startMs * PARTS_PER_PANE)) return;
      if (part.closing) page[at + RATE]! += ratePerSecond;
      else page[at + RATE_EARLY] = Math.max(page[at + RATE_EARLY]!, ratePerSecond);
      if (ratePerSecond < page[at + TRACK_RATE]!) return;
      page[at + TRACK] = trackId;
      page[at + TRACK_RATE] = ratePerSecond;
      return;
    }
    const isSamePane = Math.floor(page[at + ORDER]! / PARTS_PER_PANE) === part.startMs;
    const isLesser = isSamePane && page[at + TRACK] !== trackId && ratePerSecond < page[at + RATE]!;
    if (order < page[at + ORDER]! || isLesser) return;
    page[at + ORDER] = order;
    page[at + RATE] = ratePerSecond;
    page[at + TRACK] = trackId;
  }

  /** Accesses a second, from a pane that began at `sinceMs` or later; else 0. */
  ratePerSecond(handle: number, sinceMs: number): number {
    if (this.#cells.get(handle, ORDER) < sinceMs * PARTS_PER_PANE) return 0;
    const rate = this.#cells.get(handle, RATE);
    if (!this.#isAdditive) return rate;
    return Math.max(rate, this.#cells.get(handle, RATE_BEFORE), this.#cells.get(handle, RATE_EARLY));
  }

  /** When the newest pane that names the key began, ms since 1970; 0: never. */
  seenMs(handle: number): number {
    return Math.floor(this.#cells.get(handle, ORDER) / PARTS_PER_PANE);
  }

  /** The track that saw most of it in its last pane: only while `seenMs` is inside the windows. */
  trackId(handle: number): number {
    return this.#cells.get(handle, TRACK);
  }

  /** The handle will stand for another key. */
  forget(handle: number): void {
    if (this.#cells.get(handle, ORDER) !== 0) this.#cells.set(handle, ORDER, 0);
  }

  clear(): void {
    this.#cells.clear();
  }

  /**
   * Turns to the pane that began at `order`; false where a later one was noted already.
   *
   * Agents add up within an interval. While only some of them have closed it, the sum before it is the better one,
   * so that one is kept as well.
   */
  #turnTo(page: Float64Array, at: number, order: number): boolean {
    const known = page[at + ORDER]!;
    if (order > known) {
      const isNext = order - known <= this.#hopMs * PARTS_PER_PANE;
      page[at + RATE_BEFORE] = isNext ? page[at + RATE]! : 0;
      page[at + RATE] = 0;
      page[at + RATE_EARLY] = 0;
      page[at + TRACK_RATE] = 0;
      page[at + ORDER] = order;
    }
    return order >= known;
  }
}

function orderOf(part: PanePart): number {
  return part.startMs * PARTS_PER_PANE + Math.min(part.part, PARTS_PER_PANE - 1);
}
