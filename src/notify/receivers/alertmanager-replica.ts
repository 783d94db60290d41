import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { HttpSender } from "./http-sender.ts";
import { DeliveryError, type Receipt } from "./receiver.ts";

const PATH = "api/v2/alerts";
/** A replica that has not taken all by then is left alone until the next send. */
const TIMEOUT_MS = 8000;

interface ReplicaOptions {
  /** Name of the receiver that it belongs to. */
  readonly receiver: string;
  /** Of the Alertmanager, without the path of its API. */
  readonly url: string;
  /** Value of the header of that name. */
  readonly authorization?: string | undefined;
  readonly allow: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One of the Alertmanagers that stand in for each other. */
export class AlertmanagerReplica {
  readonly #host: string;
  readonly #receiver: string;
  readonly #sender: HttpSender;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #problem: string | null = null;
  #isClosed = false;

  constructor({ receiver, url, authorization, allow, clock, logger }: ReplicaOptions) {
    this.#host = new URL(url).host;
    this.#receiver = receiver;
    this.#clock = clock;
    this.#logger = logger;
    const headers = authorization === undefined ? {} : { authorization };
    this.#sender = new HttpSender({ url: `${url.replace(/\/+$/, "")}/${PATH}`, allow, clock, headers });
  }

  /** What went wrong with the latest send; `null`: nothing. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Posts one body after another, until there is none, those after one that is refused too. Throws: `DeliveryError`. */
  async post(bodyAt: (index: number) => Buffer | undefined, signal: AbortSignal): Promise<Receipt> {
    const timeout = new AbortController();
    const cancel = this.#clock.after(TIMEOUT_MS, () => timeout.abort());
    try {
      const either = AbortSignal.any([signal, timeout.signal]);
      let receipt: Receipt = {};
      let refusal: DeliveryError | null = null;
      for (let index = 0, body = bodyAt(0); body !== undefined; body = bodyAt(++index)) {
        try {
          receipt = await this.#sender.postJson(body, either);
        } catch (error) {
          // For one alert that it does not like, the others must not lapse.
          if (!(error instanceof DeliveryError) || error.retryable) throw error;
          refusal = error;
        }
      }
      if (refusal !== null) throw refusal;
      this.#succeed();
      return receipt;
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      cancel();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sender.close();
  }

  #succeed(): void {
    if (this.#problem === null) return;
    this.#problem = null;
    this.#logger.info(
      { receiver: this.#receiver, alertmanager: this.#host },
      "alertmanager takes alerts again",
    );
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    const isNews = this.#problem === null;
    this.#problem = `alertmanager ${this.#host}: ${error instanceof Error ? error.message : "failed"}`;
    if (!isNews) return;
    const facts = { receiver: this.#receiver, alertmanager: this.#host, err: error };
    this.#logger.warn(facts, "alertmanager does not take alerts");
  }
}
