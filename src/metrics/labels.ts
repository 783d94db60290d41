import { createHash } from "node:crypto";
import type { Attributes } from "@opentelemetry/api";
import { type Key, keyLabel } from "../model/key.ts";

const PLAIN = /^[ -~]{0,120}$/;

/** A name as a label value: one printable line of at most 120 characters, still unique where it was. */
export function label(name: string): string {
  return PLAIN.test(name) ? name : keyLabel(Buffer.from(name)).toWellFormed();
}

/** Gives the keys of one collection their labels: two keys of a cluster and database never get the same one. */
export class KeyLabels {
  readonly #taken = new Set<string>();

  labelOf({ cluster, db, bytes }: Key): string {
    // Half of a surrogate pair, where the text was cut, is no UTF-8: collectors would refuse the whole export.
    const text = keyLabel(bytes).toWellFormed();
    const id = `${cluster}\n${db}\n${text}`;
    if (!this.#taken.has(id)) {
      this.#taken.add(id);
      return text;
    }
    return `${text}~${createHash("sha256").update(bytes).digest("hex").slice(0, 8)}`;
  }
}

/** Numbers added up by their labels: an instrument keeps only the last of two with the same ones. */
export class Sums {
  readonly #byLabels = new Map<string, { readonly attributes: Attributes; value: number }>();

  add(labels: Readonly<Record<string, string>>, value: number): void {
    const attributes = Object.fromEntries(Object.entries(labels).map(([name, text]) => [name, label(text)]));
    const id = JSON.stringify(Object.values(attributes));
    const sum = this.#byLabels.get(id);
    if (sum) sum.value += value;
    else this.#byLabels.set(id, { attributes, value });
  }

  values(): Iterable<{ readonly attributes: Attributes; readonly value: number }> {
    return this.#byLabels.values();
  }
}
