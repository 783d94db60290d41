/** What a rule compares with its threshold. */
export type MeasureUnit = "accesses/s" | "share" | "bytes/s" | "ratio" | "seconds";

/** The figure by which a rule judges, beside what it is held against. */
export interface Measure {
  readonly unit: MeasureUnit;
  /** `null`: not known just now. */
  readonly value: number | null;
  /** From here on the rule holds. */
  readonly threshold: number;
  /** What is usual: of the key itself (`surge`) or of the peers (`skew`); `null` for rules that ask for neither. */
  readonly baseline: number | null;
}
