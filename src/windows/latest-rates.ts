import type { PanePart } from "../model/pane.ts";
import { CellPages } from "./cell-pages.ts";

const ORDER = 0;
const RATE = 1;
const TRACK = 2;
const RATE_BEFORE = 3;
const STRIDE = 4;
/** Parts of one pane are told apart up to this number. */
const PARTS_PER_PANE = 1024;

/** What the newest part that names a key says of it, in one vantage: its rate, and where it was seen. */
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
      if (part.closing) this.#noteShare(page, at, part.startMs * PARTS_PER_PANE, trackId, ratePerSecond);
      return;
    }
    if (order < page[at + ORDER]!) return;
    page[at + ORDER] = order;
    page[at + RATE] = ratePerSecond;
    page[at + TRACK] = trackId;
  }

  /** Accesses a second, from a pane that began at `sinceMs` or later; else 0. */
  ratePerSecond(handle: number, sinceMs: number): number {
    if (this.#cells.get(handle, ORDER) < sinceMs * PARTS_PER_PANE) return 0;
    const rate = this.#cells.get(handle, RATE);
    return this.#isAdditive ? Math.max(rate, this.#cells.get(handle, RATE_BEFORE)) : rate;
  }

  /** When the newest pane that names the key began, ms since 1970; 0: never. */
  seenMs(handle: number): number {
    return Math.floor(this.#cells.get(handle, ORDER) / PARTS_PER_PANE);
  }

  /** The track that saw it last: only while `seenMs` is inside the windows. */
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
   * Agents add up within an interval. While only some of them have closed it, the sum before it is the better one,
   * so that one is kept as well.
   */
  #noteShare(page: Float64Array, at: number, order: number, trackId: number, ratePerSecond: number): void {
    const known = page[at + ORDER]!;
    if (order < known) return;
    if (order > known) {
      const isNext = order - known <= this.#hopMs * PARTS_PER_PANE;
      page[at + RATE_BEFORE] = isNext ? page[at + RATE]! : 0;
      page[at + RATE] = 0;
      page[at + ORDER] = order;
    }
    page[at + RATE]! += ratePerSecond;
    page[at + TRACK] = trackId;
  }
}

function orderOf(part: PanePart): number {
  return part.startMs * PARTS_PER_PANE + Math.min(part.part, PARTS_PER_PANE - 1);
}
