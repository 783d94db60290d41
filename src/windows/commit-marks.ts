interface Block {
  readonly firstOffset: number;
  /** Latest end of what lies in it, ms since 1970. */
  neededToMs: number;
  records: number;
}

/** Records that are marked together: so much more, at most, is read again than is needed. */
const RECORDS_PER_BLOCK = 64;

/**
 * From where on one partition has to be read again, so that the windows can be made anew: from the oldest record that
 * some window still covers.
 *
 * Memory: about 40 bytes for each 64 records that are still covered.
 */
export class CommitMarks {
  #blocks: Block[] = [];
  #nextOffset: number | null = null;

  /** Takes note of a record, in the order of offsets. `neededToMs`: end of the pane that it speaks of; 0: of none. */
  note(offset: number, neededToMs: number): void {
    this.#nextOffset = offset + 1;
    const last = this.#blocks.at(-1);
    if (last === undefined || last.records >= RECORDS_PER_BLOCK) {
      this.#blocks.push({ firstOffset: offset, neededToMs, records: 1 });
      return;
    }
    last.neededToMs = Math.max(last.neededToMs, neededToMs);
    last.records++;
  }

  /** The offset to commit where windows reach back to `coveredFromMs`; `null`: nothing was noted yet. */
  offset(coveredFromMs: number): number | null {
    const first = this.#blocks.findIndex(({ neededToMs }) => neededToMs > coveredFromMs);
    if (first === -1) this.#blocks = [];
    else if (first > 0) this.#blocks.splice(0, first);
    return this.#blocks[0]?.firstOffset ?? this.#nextOffset;
  }
}
