/** What is checked of the documentation: its code, its headings, its links. */

export interface CodeBlock {
  /** `ts`, `sh`; empty where the page does not say. */
  readonly language: string;
  readonly code: string;
  /** Of the first line of code, from 1. */
  readonly line: number;
}

export interface Link {
  /** As it is written: `client.md#observe`. */
  readonly target: string;
  readonly line: number;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(\S*)/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const LINK = /\]\(([^()\s]+)\)/g;
const INLINE_CODE = /`[^`]*`/g;

/** Blocks between fences, in order. */
export function codeBlocks(page: string): CodeBlock[] {
  return split(page).blocks;
}

/** Links in the text, those to pages of the web among them; not what code shows. */
export function linksOf(page: string): Link[] {
  return split(page).text.flatMap(({ text, line }) =>
    Array.from(text.replaceAll(INLINE_CODE, "code").matchAll(LINK), ([, target = ""]) => ({ target, line })),
  );
}

/** What stands behind a `#` in links to the page's headings, as GitHub makes it. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const heading of headingsOf(page)) {
    const anchor = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let name = anchor;
    for (let n = 1; anchors.has(name); n++) name = `${anchor}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

/** Their words, in order: all, or those of a level, 1 being the title. */
export function headingsOf(page: string, level?: number): string[] {
  return split(page).text.flatMap(({ text }) => {
    const [, marks = "", words] = HEADING.exec(text) ?? [];
    const isWanted = words !== undefined && (level === undefined || marks.length === level);
    return isWanted ? [words] : [];
  });
}

function split(page: string): { blocks: CodeBlock[]; text: { text: string; line: number }[] } {
  const blocks: CodeBlock[] = [];
  const text: { text: string; line: number }[] = [];
  let open: { fence: string; language: string; lines: string[]; line: number } | null = null;
  for (const [index, line] of page.split("\n").entries()) {
    const [, fence, language = ""] = FENCE.exec(line) ?? [];
    if (open === null) {
      if (fence === undefined) text.push({ text: line, line: index + 1 });
      else open = { fence, language, lines: [], line: index + 2 };
    } else if (fence?.startsWith(open.fence) && language === "") {
      blocks.push({ language: open.language, code: open.lines.join("\n"), line: open.line });
      open = null;
    } else {
      open.lines.push(line);
    }
  }
  return { blocks, text };
}
