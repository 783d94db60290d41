/** A record on its way to a topic. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null;
}

/** What a record takes beside its key and value, in bytes, from above. */
const RECORD_OVERHEAD = 64;

export function recordBytes({ key, value }: OutgoingRecord): number {
  return RECORD_OVERHEAD + Buffer.byteLength(key) + (value?.length ?? 0);
}

/**
 * Records that leave together, as requests in order: what has arrived is not sent again when a later one fails.
 *
 * A topic's `max.message.bytes` limits all that goes to one partition in one request.
 */
export class Shipment {
  readonly #requests: (readonly OutgoingRecord[])[];
  readonly #refused: OutgoingRecord[] = [];

  constructor(records: readonly OutgoingRecord[], partitionBytesMax: number) {
    this.#requests = requestsOf(records, partitionBytesMax);
  }

  /** What leaves next; `null`: all has arrived or was refused for good. */
  get next(): readonly OutgoingRecord[] | null {
    return this.#requests[0] ?? null;
  }

  /** Records that are too large by themselves. */
  get refused(): readonly OutgoingRecord[] {
    return this.#refused;
  }

  arrived(): void {
    this.#requests.shift();
  }

  /** The next request was refused as too large: it goes in halves, down to single records. */
  tooLarge(): void {
    const records = this.#requests.shift() ?? [];
    if (records.length <= 1) {
      this.#refused.push(...records);
      return;
    }
    const middle = Math.ceil(records.length / 2);
    this.#requests.unshift(records.slice(0, middle), records.slice(middle));
  }
}

/** Cut where the bytes of a partition would pass the limit. */
function requestsOf(records: readonly OutgoingRecord[], partitionBytesMax: number): OutgoingRecord[][] {
  const requests: OutgoingRecord[][] = [];
  let bytesByPartition = new Map<string, number>();
  for (const record of records) {
    const partition = `${record.topic}|${record.partition}`;
    const before = bytesByPartition.get(partition) ?? 0;
    const after = before + recordBytes(record);
    if (requests.length === 0 || (before > 0 && after > partitionBytesMax)) {
      requests.push([]);
      bytesByPartition = new Map();
    }
    requests.at(-1)?.push(record);
    bytesByPartition.set(partition, (bytesByPartition.get(partition) ?? 0) + recordBytes(record));
  }
  return requests;
}
