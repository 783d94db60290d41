import { formatDuration } from "../model/duration-text.ts";
import { ACCESSES, briefBytes, briefNumber, briefRate, briefRatio, briefShare } from "../model/figures.ts";
import type { Incident } from "../model/incident.ts";
import type { MeasureUnit } from "../model/measure.ts";

interface Words {
  /** What the rule looks at, as a label. */
  readonly label: string;
  /** Stands before `value` where that has no subject of its own. */
  readonly subject?: string;
  /** What it found: `62% of its node`. */
  readonly value: string;
  readonly threshold: string;
}

/** What a rule judges by, in words: `62% of its node, threshold 50%`. */
export function measureText(incident: Incident): string {
  const { subject = "", value, threshold } = measureWords(incident);
  return `${subject}${value}, threshold ${threshold}`;
}

/** What a rule found, in words, for a title: `12x its usual 400/s`. */
export function foundText(incident: Incident): string {
  // Rules on rates judge by what is sure; people want to know what is likely.
  return isRate(incident)
    ? `${briefNumber(incident.ratePerSecond)} ${ACCESSES[incident.kind]}/s`
    : measureWords(incident).value;
}

/** Whether the rule holds a rate against a fixed threshold. */
function isRate({ measure }: Incident): boolean {
  return measure.unit === "accesses/s" && measure.baseline === null;
}

/** What a rule looks at: `Rate`, `Share of its node`. */
export function measureLabel(incident: Incident): string {
  return measureWords(incident).label;
}

function measureWords(incident: Incident): Words {
  return WORDS[incident.measure.unit](incident);
}

const UNKNOWN = "not known just now";

const WORDS: Readonly<Record<MeasureUnit, (incident: Incident) => Words>> = {
  "accesses/s": (incident) => (isRate(incident) ? rate(incident) : surge(incident)),
  share: ({ measure: { value, threshold } }) => ({
    label: "Share",
    value: value === null ? UNKNOWN : `${briefShare(value)} of its node`,
    threshold: briefShare(threshold),
  }),
  "bytes/s": ({ measure: { value, threshold } }) => ({
    label: "Bandwidth",
    value: value === null ? UNKNOWN : `${briefBytes(value)}/s`,
    threshold: `${briefBytes(threshold)}/s`,
  }),
  ratio,
  seconds: ({ measure: { value, threshold } }) => ({
    label: "Unseen",
    value: value === null ? "not seen" : `not seen for ${formatDuration(value * 1000)}`,
    threshold: formatDuration(threshold * 1000),
  }),
};

function rate({ kind, measure: { value, threshold } }: Incident): Words {
  return {
    label: "Judged by",
    value: value === null ? UNKNOWN : `${briefNumber(value)} ${ACCESSES[kind]}/s`,
    threshold: briefRate(threshold),
  };
}

function surge({ measure: { value, threshold, baseline } }: Incident): Words {
  return { label: "Surge", value: usualText(value, baseline ?? 0), threshold: briefRate(threshold) };
}

function usualText(value: number | null, baseline: number): string {
  if (value === null) return UNKNOWN;
  // Beside next to nothing, any multiple would only look exact.
  if (baseline < 0.05) return `${briefRate(value)}, usually next to nothing`;
  return `${briefRatio(value / baseline)} its usual ${briefRate(baseline)}`;
}

/** Of a node, beside its peers. */
function ratio({ measure: { value, threshold, baseline } }: Incident): Words {
  const peers = baseline === null ? "" : ` (${briefRate(baseline)})`;
  return {
    label: "Skew",
    subject: "node ",
    value: value === null ? UNKNOWN : `runs ${briefRatio(value)} the mean of its peers${peers}`,
    threshold: briefRatio(threshold),
  };
}
