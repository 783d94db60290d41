/** What a node can keep back of a round: a response is cut at 10 MiB, so less than this was all there was. */
const WHOLE_ROUND_BYTES = 4 * 2 ** 20;

interface Round {
  readonly startMs: number;
  durationMs: number | null;
  bytes: number;
}

interface NodeRounds {
  open: Round;
  /** Starts of the last two rounds that were whole, the older one first; empty after one that was not. */
  wholeStartsMs: readonly number[];
}

/**
 * Tells whether a partition had nothing to give although its end is not reached: the last records before the end may be
 * gone (retention, compaction), and kafkajs says nothing of a fetch that brought nothing.
 *
 * A round is one fetch from one node and the handling of what it brought. It is whole when it brought something, but not
 * so much that partitions were left out, or when the broker had nothing to give for the whole wait.
 */
export class QuietRounds {
  readonly #waitMs: number;
  readonly #nodes = new Map<number, NodeRounds>();

  /** `waitMs`: how long a fetch waits at the broker. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  fetchStarted(node: number, nowMs: number): void {
    const rounds = this.#nodes.get(node);
    const open = { startMs: nowMs, durationMs: null, bytes: 0 };
    if (rounds === undefined) {
      this.#nodes.set(node, { open, wholeStartsMs: [] });
      return;
    }
    const starts = this.#isWhole(rounds.open) ? [...rounds.wholeStartsMs, rounds.open.startMs] : [];
    rounds.wholeStartsMs = starts.slice(-2);
    rounds.open = open;
  }

  fetched(node: number, durationMs: number): void {
    const rounds = this.#nodes.get(node);
    if (rounds !== undefined) rounds.open.durationMs = durationMs;
  }

  /** Which node it came from is not known: it counts for each. */
  received(bytes: number): void {
    for (const { open } of this.#nodes.values()) open.bytes += bytes;
  }

  /** Whether each node had two whole rounds that began after `sinceMs`: what brought nothing in them has nothing. */
  areQuietSince(sinceMs: number): boolean {
    const all = [...this.#nodes.values()];
    return (
      all.length > 0 &&
      all.every(({ wholeStartsMs: [first, second] }) => second !== undefined && first! > sinceMs)
    );
  }

  /** Nodes may be others now. */
  clear(): void {
    this.#nodes.clear();
  }

  #isWhole({ durationMs, bytes }: Round): boolean {
    if (durationMs === null || bytes > WHOLE_ROUND_BYTES) return false;
    // An empty answer that came early is what a fetch that failed looks like.
    return bytes > 0 || durationMs >= 0.9 * this.#waitMs;
  }
}
