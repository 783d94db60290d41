const HANDLES_PER_PAGE_BITS = 12;
const HANDLES_PER_PAGE = 1 << HANDLES_PER_PAGE_BITS;
const HANDLE_MASK = HANDLES_PER_PAGE - 1;

/**
 * Numbers by handle, `stride` of them side by side. Grows a page at a time: nothing is copied, and handles that
 * never come up cost nothing. A number that was never set is 0.
 */
export class CellPages {
  readonly stride: number;
  #pages: (Float64Array | undefined)[] = [];

  constructor(stride: number) {
    this.stride = stride;
  }

  /** The page that holds a handle's cells, made if need be. They start at `offset(handle)`. */
  page(handle: number): Float64Array {
    const index = handle >>> HANDLES_PER_PAGE_BITS;
    let page = this.#pages[index];
    if (page === undefined) {
      page = new Float64Array(HANDLES_PER_PAGE * this.stride);
      while (this.#pages.length < index) this.#pages.push(undefined);
      this.#pages[index] = page;
    }
    return page;
  }

  offset(handle: number): number {
    return (handle & HANDLE_MASK) * this.stride;
  }

  get(handle: number, column: number): number {
    const page = this.#pages[handle >>> HANDLES_PER_PAGE_BITS];
    return page === undefined ? 0 : page[(handle & HANDLE_MASK) * this.stride + column]!;
  }

  set(handle: number, column: number, value: number): void {
    this.page(handle)[this.offset(handle) + column] = value;
  }

  /** Whether no cell was ever set. */
  get isEmpty(): boolean {
    return this.#pages.length === 0;
  }

  isZero(): boolean {
    return this.#pages.every((page) => page === undefined || page.every((cell) => cell === 0));
  }

  /** Gives all pages back: every cell is 0 again. */
  clear(): void {
    this.#pages = [];
  }
}
