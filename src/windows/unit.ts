import type { PanePart } from "../model/pane.ts";
import { type StoredPart, scaleOf } from "./stored-part.ts";
import { kindBits } from "./vantage.ts";

interface BucketParts {
  readonly numbers: Set<number>;
  /** How many parts the closing one announced; 0 before it came. */
  announced: number;
}

/** What one agent, in one epoch, has delivered of a pane. */
export class Unit {
  readonly agent: string;
  readonly epoch: number;
  readonly parts: StoredPart[] = [];
  /** Whether its parts are in the sums. */
  counted = false;
  /** Accesses surely seen, over all keys. */
  total = 0;
  /** The same, scaled to what was not sampled. */
  scaledTotal = 0;
  /** Kinds it sees, as bits. */
  sees = 0;
  readonly #buckets = new Map<number, BucketParts>();
  #bucketsNeeded = 0;
  #bucketsDone = 0;
  #unbroken = true;
  #sampled = false;

  constructor(agent: string, epoch: number) {
    this.agent = agent;
    this.epoch = epoch;
  }

  has(part: PanePart): boolean {
    return this.#buckets.get(part.bucket)?.numbers.has(part.part) ?? false;
  }

  /** `bucketsTouched`: of a closing part, in how many buckets its pane has one. */
  append(part: PanePart, stored: StoredPart, bucketsTouched: number): void {
    this.parts.push(stored);
    const total = Math.max(part.total.read, part.total.miss) + part.total.write;
    this.total += total;
    this.scaledTotal += total * scaleOf(part);
    this.sees |= kindBits(part.sees);
    if (!part.complete) this.#unbroken = false;
    if (stored.sampling !== null) this.#sampled = true;
    this.#countBucket(part);
    if (part.closing) this.#bucketsNeeded = bucketsTouched;
  }

  /** Whether every bucket's closing part has come, and as many parts as it announced. */
  get isDelivered(): boolean {
    return this.#bucketsNeeded > 0 && this.#bucketsDone >= this.#bucketsNeeded;
  }

  /** Whether it says that nothing went unseen but by sampling. */
  get isUnbroken(): boolean {
    return this.#unbroken;
  }

  /** Whether some accesses, or some of the time, were left out on purpose: raw counts bound nothing from above. */
  get isSampled(): boolean {
    return this.#sampled;
  }

  #countBucket(part: PanePart): void {
    let bucket = this.#buckets.get(part.bucket);
    if (!bucket) {
      bucket = { numbers: new Set(), announced: 0 };
      this.#buckets.set(part.bucket, bucket);
    }
    const wasDone = isDone(bucket);
    bucket.numbers.add(part.part);
    if (part.closing) bucket.announced = part.parts;
    if (isDone(bucket) && !wasDone) this.#bucketsDone++;
  }
}

function isDone({ numbers, announced }: BucketParts): boolean {
  return announced > 0 && numbers.size >= announced;
}

/**
 * Whether `a` speaks rather than `b` where two watched one target: the complete pane, else the one that missed nothing
 * but by sampling, else the one that saw more. A total order, so that the choice does not depend on which came first.
 *
 * Of two that are worth the same, `speaker` speaks where it is one of them: see `speakersOf`.
 */
export function isBetterUnit(a: Unit, b: Unit, speaker: string | null): boolean {
  const aWorth = worthOf(a);
  const bWorth = worthOf(b);
  if (aWorth !== bWorth) return aWorth > bWorth;
  if (aWorth === 0 && a.total !== b.total) return a.total > b.total;
  if (a.agent !== b.agent && (a.agent === speaker || b.agent === speaker)) return a.agent === speaker;
  if (a.agent !== b.agent) return a.agent < b.agent;
  return a.epoch > b.epoch;
}

/** 2: it missed nothing; 1: nothing but by sampling; 0: something may have gone unseen, or is still to come. */
export function worthOf(unit: Unit): number {
  if (!unit.isDelivered || !unit.isUnbroken) return 0;
  return unit.isSampled ? 1 : 2;
}
