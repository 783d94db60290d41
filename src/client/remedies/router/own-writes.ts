interface OwnWrite {
  /** When its answer came. */
  readonly answeredMs: number;
  /** An offset of the primary's at which it has the write; `null`: not known yet. */
  offset: number | null;
}

/**
 * Keys that this process has written, each until the replicas that serve have applied the write.
 *
 * Memory: at most `writesMax` keys.
 */
export class OwnWrites {
  readonly #writesMax: number;
  readonly #writes = new Map<string, OwnWrite>();

  constructor(writesMax: number) {
    this.#writesMax = writesMax;
  }

  has(id: string): boolean {
    return this.#writes.has(id);
  }

  get size(): number {
    return this.#writes.size;
  }

  /** Returns: whether there was room. */
  add(id: string, nowMs: number): boolean {
    if (this.#writes.size >= this.#writesMax && !this.#writes.has(id)) return false;
    this.#writes.set(id, { answeredMs: nowMs, offset: null });
    return true;
  }

  clear(): void {
    this.#writes.clear();
  }

  /** They were of another stream of replication. */
  forgetOffsets(): void {
    for (const write of this.#writes.values()) write.offset = null;
  }

  /** The primary, asked at `askedMs`, was at `offset`: it had every write then that was answered before. */
  primaryWasAt(offset: number, askedMs: number): void {
    for (const write of this.#writes.values())
      if (write.offset === null && write.answeredMs < askedMs) write.offset = offset;
  }

  /** Forgets the writes that who has applied `offset` has. Returns: the highest offset that one of them needs, or 0. */
  release(offset: number): number {
    let needed = 0;
    for (const [id, write] of this.#writes) {
      if (write.offset === null || write.offset > offset) continue;
      needed = Math.max(needed, write.offset);
      this.#writes.delete(id);
    }
    return needed;
  }
}
