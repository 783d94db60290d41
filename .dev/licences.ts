/** A package that Keyheat depends on when it runs. */
export interface DependedOn {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the package states it; empty where it states none. */
  readonly licence: string;
}

/** What `package-lock.json` has by path; the rest of it does not matter here. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  /** Only what develops Keyheat needs it. */
  readonly dev?: boolean;
}

const FOLDER = "node_modules/";

/** Licences that ask for no more than to be named, and do not reach what uses them. */
export const ALLOWED: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
];

/** Every package that is installed with Keyheat, by name and version, each once. */
export function productionPackages({ packages }: Lockfile): readonly DependedOn[] {
  const byId = new Map<string, DependedOn>();
  for (const [path, { version = "", license = "", dev = false }] of Object.entries(packages)) {
    if (path === "" || dev) continue;
    const name = path.slice(path.lastIndexOf(FOLDER) + FOLDER.length);
    byId.set(`${name}@${version}`, { name, version, licence: license });
  }
  return [...byId.keys()].sort().flatMap((id) => byId.get(id) ?? []);
}

/** Whether an SPDX expression leaves a choice that is allowed. One that has both AND and OR is for people to judge. */
export function isAllowed(licence: string): boolean {
  const terms = licence.replaceAll(/[()]/g, "").split(/ (?:AND|OR) /);
  const hasBoth = licence.includes(" AND ") && licence.includes(" OR ");
  if (hasBoth) return false;
  const isAllowedTerm = (term: string) => ALLOWED.includes(term);
  return licence.includes(" OR ") ? terms.some(isAllowedTerm) : terms.every(isAllowedTerm);
}

/** docs/licences.md. */
export function licencesPage(packages: readonly DependedOn[]): string {
  const rows = packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`);
  return `# Licences of what Keyheat uses

Keyheat itself is under the [Apache License 2.0](../LICENSE). An installation brings these ${packages.length} packages with it; their own files name their authors and, nearly always, hold the licence's text. The image holds the same list as a CycloneDX bill of materials: [image](image.md#what-is-in-it).

Allowed are ${ALLOWED.join(", ")}. A test fails on any other, and where this page is not what \`package-lock.json\` says. After a change of dependencies: \`node .dev/generate-licences.ts\`.

| package | version | licence |
|---|---|---|
${rows.join("\n")}
`;
}
