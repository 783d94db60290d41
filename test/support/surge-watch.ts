import { resolveRule, rules as rulesOfFile } from "../../src/config/rules.ts";
import type { Rule } from "../../src/config/schema.ts";
import { exactly, type Heat } from "../../src/model/heat.ts";
import { BaselineBook, type Entry } from "../../src/rules/baseline-book.ts";
import { judgeSurge, SURGE_FACTOR } from "../../src/rules/surge.ts";
import { unheardHeat } from "../../src/windows/unheard-heat.ts";

const HOP_S = 1;
const ADOPTED_AFTER_S = 1800;

/** A surge rule as it stands in a file. */
export function surgeRuleOf(fields: object): Rule {
  const [rule] = rulesOfFile.parse([{ name: "surge", type: "surge", ...fields }]);
  return resolveRule(rule!);
}

/** One key under a surge rule, second by second: its baseline, its windows, its incident; nothing else of Keyheat. */
export class SurgeWatch {
  readonly windowS: number;
  readonly #rule: Rule;
  readonly #book: BaselineBook;
  readonly #entry: Entry;
  readonly #seconds: Float64Array;
  #second = 0;
  #count = 0;
  /** Since when an incident is open; `null`: none is. */
  #openS: number | null = null;
  #calmS: number | null = null;

  constructor(rule: Rule) {
    this.#rule = rule;
    this.windowS = rule.window / 1000;
    this.#book = new BaselineBook({ kind: "total", windowMs: rule.window, hopMs: 1000 * HOP_S });
    const key = { cluster: "default", db: 0, bytes: Buffer.from("k") };
    this.#entry = this.#book.enter({ key, atLeast: 0, atMost: 0 })!;
    this.#seconds = new Float64Array(this.windowS);
  }

  /** A second with so many accesses. Whether an incident begins. */
  pass(accesses: number): boolean {
    const place = this.#second++ % this.windowS;
    this.#count += accesses - this.#seconds[place]!;
    this.#seconds[place] = accesses;
    if (place === this.windowS - 1)
      this.#book.pass(
        () => this.#count,
        () => this.#openS !== null,
        0,
      );
    if (!this.#book.isWarm) return false;
    return this.#openS === null ? this.#rise() : this.#goOn(this.#openS);
  }

  /** The count of the window that ends now. */
  get count(): number {
    return this.#count;
  }

  get baseline() {
    return this.#entry.baseline;
  }

  get isWarm(): boolean {
    return this.#book.isWarm;
  }

  #rise(): boolean {
    const least = Math.max(
      SURGE_FACTOR * this.baseline.mean,
      (this.#rule.threshold * this.#rule.window) / 1000,
    );
    if (this.#count < least || this.#judge() !== "hot") return false;
    this.#openS = this.#second;
    this.#calmS = null;
    return true;
  }

  #goOn(openS: number): false {
    if (this.#second - openS === ADOPTED_AFTER_S)
      this.#book.adopt(this.#entry, this.#count, 1000 * this.#second);
    if (this.#judge() !== "calm") this.#calmS = null;
    else this.#calmS ??= this.#second;
    if (this.#calmS !== null && this.#second - this.#calmS >= this.#rule.keepFiringFor / 1000)
      this.#openS = null;
    return false;
  }

  #judge() {
    const { key } = this.#entry;
    return judgeSurge(
      this.#rule,
      exactHeat(key, this.#rule.window, 1000 * this.#second, this.#count),
      this.#entry,
    ).verdict;
  }
}

/** Heat of which everything is known. */
function exactHeat(key: Heat["key"], windowMs: number, asOfMs: number, count: number): Heat {
  const [none, counted] = [exactly(0), exactly(count)];
  return {
    ...unheardHeat(key, windowMs, asOfMs),
    complete: true,
    counts: { read: none, write: counted, miss: none, total: counted },
    clearing: { read: 0, write: count, miss: 0, total: count },
  };
}
