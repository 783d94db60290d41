import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path/posix";
import { fileURLToPath } from "node:url";

/** A Markdown file of the repository. */
export interface Page {
  /** From the root of the repository: `docs/client.md`. */
  readonly path: string;
  readonly text: string;
}

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** All pages that users read. */
export function documentation(): Page[] {
  return ["README.md", "CHANGELOG.md", ...pagesUnder("docs"), ...pagesUnder("examples")].map(pageAt);
}

export function pageAt(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

function pagesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name))
    .sort();
}
