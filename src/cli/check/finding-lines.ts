import type { Finding, FindingStatus } from "../../doctor/finding.ts";
import { visible } from "../../model/visible-text.ts";
import { fit } from "../view/display-text.ts";
import type { Paint } from "../view/paint.ts";

const WORDS: Readonly<Record<FindingStatus, string>> = { ok: "ok", info: "info", warn: "warn", fail: "FAIL" };
const WORD_COLUMNS = 5;
const CHECK_COLUMNS_MAX = 32;

/** Findings by subject, each with the line to run beneath it. Pure. */
export function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  const columns = Math.min(CHECK_COLUMNS_MAX, Math.max(0, ...findings.map(({ check }) => check.length)));
  const lines: string[] = [];
  let subject: string | null = null;
  for (const finding of findings) {
    if (finding.subject !== subject)
      lines.push(...(subject === null ? [] : [""]), paint.bold(visible(finding.subject)));
    subject = finding.subject;
    const word = painted(finding.status, paint);
    lines.push(`  ${word} ${fit(visible(finding.check), columns)}  ${visible(finding.message)}`);
    if (finding.run !== null) lines.push(`        run: ${visible(finding.run)}`);
  }
  return lines;
}

function painted(status: FindingStatus, paint: Paint): string {
  const word = fit(WORDS[status], WORD_COLUMNS);
  if (status === "ok") return paint.green(word);
  if (status === "info") return paint.dim(word);
  return status === "warn" ? paint.yellow(word) : paint.red(word);
}

/** How it stands, in one line. */
export function verdictLine(findings: readonly Finding[]): string {
  const problems = findings.filter(({ status }) => status === "fail").length;
  const warnings = findings.filter(({ status }) => status === "warn").length;
  if (problems === 0 && warnings === 0) return "all is well";
  const some = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  if (problems === 0) return `no problem, ${some(warnings, "warning")}`;
  return `${some(problems, "problem")}, ${some(warnings, "warning")}`;
}
