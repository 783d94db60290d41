/** Known weaknesses of the packages that are installed with Keyheat, by severity; or why nobody knows. */
export type Audit = { readonly unknown: string } | { readonly found: Readonly<Record<string, number>> };

interface Told {
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
  readonly message?: string;
  readonly error?: { readonly summary?: string };
}

/** Reads what `npm audit --json` prints, which is an error where the registry has no answer. */
export function auditOf(printed: string): Audit {
  let told: Told;
  try {
    told = JSON.parse(printed);
  } catch {
    return { unknown: `npm audit printed ${printed === "" ? "nothing" : printed.slice(0, 200)}` };
  }
  const found = told.metadata?.vulnerabilities;
  return found === undefined
    ? { unknown: told.message ?? told.error?.summary ?? "no reason given" }
    : { found };
}

/** How many of them nobody may ship with. */
export function severe(found: Readonly<Record<string, number>>): number {
  return (found.high ?? 0) + (found.critical ?? 0);
}
