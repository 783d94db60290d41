import type { StageBooks } from "../runtime/accounting.ts";

const TAPS_MAX = 1000;

/** What one tap has seen, for metrics. */
export interface TapView {
  readonly source: string;
  readonly cluster: string;
  readonly target: string;
  readonly gaps: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly distinctKeys: number;
  /** From the end of the last pane to its publication; `null`: none yet. */
  readonly paneLagSeconds: number | null;
}

/** What watches had counted when they ended: counters never go back, and books stay balanced. */
export class EndedWatches {
  readonly #books = new Map<string, StageBooks>();
  /** At most `TAPS_MAX`: of the others, those that ended first are let go. */
  readonly #taps = new Map<string, TapView>();

  add(books: StageBooks, tap: TapView): void {
    const known = this.#books.get(books.stage);
    this.#books.set(books.stage, known ? sumOfBooks(known, books) : books);
    const id = idOf(tap);
    const ended = this.#taps.get(id);
    this.#taps.delete(id);
    this.#taps.set(id, withCounts({ ...tap, distinctKeys: 0, paneLagSeconds: null }, ended));
    const [oldest] = this.#taps.keys();
    if (this.#taps.size > TAPS_MAX && oldest !== undefined) this.#taps.delete(oldest);
  }

  books(): StageBooks[] {
    return [...this.#books.values()];
  }

  /** The taps of now, with what those of the same names had counted before; then those that are no more. */
  taps(live: readonly TapView[]): TapView[] {
    const names = new Set(live.map(idOf));
    const ended = Array.from(this.#taps, ([id, tap]) => (names.has(id) ? [] : [tap])).flat();
    return [...live.map((tap) => withCounts(tap, this.#taps.get(idOf(tap)))), ...ended];
  }
}

function idOf({ source, cluster, target }: TapView): string {
  return `${source} ${cluster} ${target}`;
}

function withCounts(tap: TapView, before: TapView | undefined): TapView {
  if (!before) return tap;
  return { ...tap, gaps: sums(tap.gaps, before.gaps), events: sums(tap.events, before.events) };
}

function sumOfBooks(one: StageBooks, other: StageBooks): StageBooks {
  return {
    stage: one.stage,
    received: one.received + other.received,
    kept: one.kept + other.kept,
    dropped: sums(one.dropped, other.dropped),
  };
}

function sums(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>) {
  const sum = new Map(Object.entries(one));
  for (const [name, count] of Object.entries(other)) sum.set(name, (sum.get(name) ?? 0) + count);
  return Object.fromEntries(sum);
}
