import { seededRandom } from "./random.ts";

const DAY_S = 86_400;

export interface NoisyStreamOptions {
  readonly seed: number;
  /** Mean over a day. */
  readonly perSecond: number;
  /** Standard deviation of the logarithm of the rate, beside the rhythm of the day. */
  readonly scatter: number;
  /** After so many seconds the noise has forgotten all but 1/e of itself. */
  readonly memoryS?: number;
  /** By how much the rate rises and falls in a day, as a share of it. */
  readonly rhythm?: number;
}

/**
 * The accesses of one key, second by second: Poisson around a rate that follows the day and wavers, its logarithm being an
 * AR(1) process. Another seed is another key, at another time of its day.
 */
export class NoisyStream {
  readonly #options: Required<NoisyStreamOptions>;
  readonly #random: () => number;
  readonly #phaseS: number;
  readonly #persistence: number;
  #noise: number;
  #second = 0;

  constructor(options: NoisyStreamOptions) {
    this.#options = { memoryS: 30, rhythm: 0.5, ...options };
    this.#random = seededRandom(options.seed);
    this.#phaseS = this.#random() * DAY_S;
    this.#persistence = Math.exp(-1 / this.#options.memoryS);
    this.#noise = options.scatter * this.#normal();
  }

  /** Accesses in the next second; `factor`: so many times as many as usual. */
  next(factor = 1): number {
    const { perSecond, scatter, rhythm } = this.#options;
    const fresh = Math.sqrt(1 - this.#persistence ** 2) * scatter;
    this.#noise = this.#persistence * this.#noise + fresh * this.#normal();
    const angle = (2 * Math.PI * (this.#second++ + this.#phaseS)) / DAY_S;
    const wavering = Math.exp(this.#noise - scatter ** 2 / 2);
    return this.#poisson(factor * perSecond * (1 + rhythm * Math.sin(angle)) * wavering);
  }

  /** Source: Knuth, TAOCP 2, 3.4.1; above 60 the normal law is as good. */
  #poisson(mean: number): number {
    if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.#normal()));
    const limit = Math.exp(-mean);
    let product = this.#random();
    let count = 0;
    for (; product > limit; count++) product *= this.#random();
    return count;
  }

  /** Source: Box, Muller, "A Note on the Generation of Random Normal Deviates", 1958. */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }
}
