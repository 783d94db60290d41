import type { TestContext } from "node:test";
import { type Answerer, type ReceivedRequest, startWebhook, type TestWebhook } from "./webhook.ts";

export interface SentSample {
  readonly key?: string;
  readonly keyBase64?: string;
  readonly db?: number;
  readonly target?: string;
  readonly probability?: number;
  readonly reads?: number;
  readonly writes?: number;
  readonly misses?: number;
  readonly absorbed?: number;
  readonly bytes?: number;
  readonly commands?: Record<string, number>;
}

export interface SentBatch {
  readonly service: string;
  readonly instance: string;
  readonly seq: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly goodbye?: boolean;
  readonly samples: readonly SentSample[];
}

/** Takes batches as an agent does, in one place of the path. */
export class SamplesSink {
  readonly #webhook: TestWebhook;
  /** What each request gets. */
  answer: Answerer = accept;

  constructor(webhook: TestWebhook) {
    this.#webhook = webhook;
    webhook.answer = (request, n) => this.answer(request, n);
  }

  /** Base URL, as an app is given it. */
  get url(): string {
    return this.#webhook.url.replace(/\/hook$/, "");
  }

  get requests(): readonly ReceivedRequest[] {
    return this.#webhook.requests;
  }

  /** Each batch once, however often it came. */
  batches(): SentBatch[] {
    const bySeq = new Map<string, SentBatch>();
    for (const request of this.requests) {
      const batch = request.json() as SentBatch;
      bySeq.set(`${batch.instance} ${batch.seq}`, batch);
    }
    return [...bySeq.values()];
  }

  /** Scaled sum of a count of a key over all batches. */
  sumOf(key: string, count: "reads" | "writes" | "misses" | "absorbed"): number {
    let sum = 0;
    for (const { samples } of this.batches()) {
      for (const sample of samples)
        if (sample.key === key) sum += (sample[count] ?? 0) / (sample.probability ?? 1);
    }
    return sum;
  }

  refuse(): Promise<void> {
    return this.#webhook.refuse();
  }

  listen(): Promise<void> {
    return this.#webhook.listen();
  }
}

export function accept(): { status: number; body: string } {
  return { status: 202, body: JSON.stringify({ accepted: 1, dropped: 0, nowMs: Date.now() }) };
}

/** Starts a sink; it ends with the test `t`. */
export async function startSamplesSink(t: TestContext | null): Promise<SamplesSink> {
  return new SamplesSink(await startWebhook(t));
}
