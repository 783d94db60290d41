const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/**
 * The exact sum of decimal numbers given as text, such as `-12.5`: neither their order nor their size matters, where
 * numbers would round at each addition.
 */
export class DecimalSum {
  /** The sum is `#units / 10 ** #digits`. */
  #units = 0n;
  #digits = 0;

  /** Throws: SyntaxError where the text is no decimal number. */
  add(text: string): void {
    const match = DECIMAL.exec(text);
    if (match === null) throw new SyntaxError(`not a decimal number: ${text.slice(0, 40)}`);
    const [, sign, whole = "", fraction = ""] = match;
    if (fraction.length > this.#digits) {
      this.#units *= 10n ** BigInt(fraction.length - this.#digits);
      this.#digits = fraction.length;
    }
    const units = BigInt(whole + fraction.padEnd(this.#digits, "0"));
    this.#units += sign === "-" ? -units : units;
  }

  /** A bigint where it is whole and beyond 2^53, else the number that is nearest to it. */
  value(): number | bigint {
    const one = 10n ** BigInt(this.#digits);
    const whole = this.#units / one;
    if (whole * one !== this.#units) return Number(this.#text());
    return isSafe(whole) ? Number(whole) : whole;
  }

  #text(): string {
    const isNegative = this.#units < 0n;
    const digits = String(isNegative ? -this.#units : this.#units).padStart(this.#digits + 1, "0");
    const point = digits.length - this.#digits;
    return `${isNegative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
  }
}

function isSafe(whole: bigint): boolean {
  return whole >= BigInt(Number.MIN_SAFE_INTEGER) && whole <= BigInt(Number.MAX_SAFE_INTEGER);
}
