import type { Ran } from "../model/target.ts";

/** What one target ran over a span, as far as it told. */
export interface RanOver {
  readonly read: number;
  readonly write: number;
  /** What it may have run beside: a pane more, and as much for each pane of which it has not told. */
  readonly slack: { readonly read: number; readonly write: number };
  /** Whether it has told of the whole span, since it first told of anything. */
  readonly isWhole: boolean;
}

interface Pane {
  readonly endMs: number;
  readonly read: number;
  readonly write: number;
}

interface Cached {
  readonly fromMs: number;
  readonly toMs: number;
  readonly version: number;
  readonly ran: RanOver | null;
}

/** Spans that are asked for in turn: windows of a few lengths, running and closed. */
const CACHED_MAX = 16;

/** What one target has said it ran, pane by pane, and its sums over windows: worked out when something changed. */
class TargetRan {
  readonly #panes = new Map<number, Pane>();
  #firstMs = Number.POSITIVE_INFINITY;
  #version = 0;
  #cached: Cached[] = [];

  note(startMs: number, endMs: number, { read, write }: Ran): void {
    if (read === null || write === null) return;
    const known = this.#panes.get(startMs);
    // Whoever counted more is nearer to the truth: agents may have polled it more than once.
    const pane = { endMs, read: Math.max(read, known?.read ?? 0), write: Math.max(write, known?.write ?? 0) };
    if (known && known.read === pane.read && known.write === pane.write) return;
    this.#panes.set(startMs, pane);
    this.#firstMs = Math.min(this.#firstMs, startMs);
    this.#version++;
  }

  /** `null`: it told nothing of the span. */
  over(fromMs: number, toMs: number): RanOver | null {
    const known = this.#cached.find((cached) => cached.fromMs === fromMs && cached.toMs === toMs);
    if (known?.version === this.#version) return known.ran;
    const ran = this.#sum(fromMs, toMs);
    const others = this.#cached.filter((cached) => cached !== known).slice(1 - CACHED_MAX);
    this.#cached = [...others, { fromMs, toMs, version: this.#version, ran }];
    return ran;
  }

  /** Whether nothing is left. */
  prune(beforeMs: number): boolean {
    for (const [startMs, { endMs }] of this.#panes) if (endMs <= beforeMs) this.#panes.delete(startMs);
    return this.#panes.size === 0;
  }

  #sum(fromMs: number, toMs: number): RanOver | null {
    const sum = { read: 0, write: 0 };
    const largest = { read: 0, write: 0 };
    let toldMs = 0;
    let panes = 0;
    for (const [startMs, { endMs, read, write }] of this.#panes) {
      if (startMs < fromMs || endMs > toMs) continue;
      sum.read += read;
      sum.write += write;
      largest.read = Math.max(largest.read, read);
      largest.write = Math.max(largest.write, write);
      toldMs += endMs - startMs;
      panes++;
    }
    if (panes === 0) return null;
    const untoldMs = Math.max(0, toMs - Math.max(fromMs, this.#firstMs) - toldMs);
    const more = Math.max(1, Math.ceil(untoldMs / (toldMs / panes)));
    const slack = { read: more * largest.read, write: more * largest.write };
    return { ...sum, slack, isWhole: untoldMs === 0 };
  }
}

/** What the targets of a cluster have said they ran, for as long as a window reaches back. */
export class RanHistory {
  readonly #targets = new Map<string, TargetRan>();

  note(target: string, startMs: number, endMs: number, ran: Ran): void {
    let known = this.#targets.get(target);
    if (!known) {
      known = new TargetRan();
      this.#targets.set(target, known);
    }
    known.note(startMs, endMs, ran);
  }

  /** `null`: the target told nothing of the span. */
  over(target: string, fromMs: number, toMs: number): RanOver | null {
    return this.#targets.get(target)?.over(fromMs, toMs) ?? null;
  }

  targets(): Iterable<string> {
    return this.#targets.keys();
  }

  prune(beforeMs: number): void {
    for (const [target, ran] of this.#targets) if (ran.prune(beforeMs)) this.#targets.delete(target);
  }
}
