import { displayWidth, graphemesOf, graphemeWidth } from "./text-width.ts";

export { displayWidth } from "./text-width.ts";

/** Text from elsewhere (not a key: those go through `keyLabel`) as one line that a terminal takes for no command. */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
}

/** Text of exactly `columns` columns: padded with spaces, or cut in its middle, since keys differ at both ends. */
export function fit(text: string, columns: number, align: "left" | "right" = "left"): string {
  const shown = displayWidth(text) <= columns ? text : cutMiddle(text, columns);
  const padding = " ".repeat(Math.max(0, columns - displayWidth(shown)));
  return align === "left" ? shown + padding : padding + shown;
}

/** Text of at most `columns` columns, cut at its end. */
export function cutEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  return columns < 1 ? "" : `${head(graphemesOf(text), columns - 1)}…`;
}

/**
 * Text in lines of at most `columns` columns, at most `linesMax` of them, the last one cut.
 *
 * It is broken at spaces; a word that is wider than a line is broken anywhere: commands to run must be there whole.
 */
export function wrap(text: string, columns: number, linesMax: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((one) => piecesOf(one, columns))) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || lines.length === linesMax - 1 || displayWidth(longer) <= columns) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].map((one) => cutEnd(one, columns));
}

/** Text in pieces of at most `columns` columns, broken anywhere but inside a character; one empty piece of no text. */
export function piecesOf(text: string, columns: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  let width = 0;
  for (const grapheme of graphemesOf(text)) {
    const own = graphemeWidth(grapheme);
    if (width + own > columns && piece !== "") {
      pieces.push(piece);
      piece = "";
      width = 0;
    }
    piece += grapheme;
    width += own;
  }
  return [...pieces, piece];
}

function cutMiddle(text: string, columns: number): string {
  if (columns < 3) return cutEnd(text, columns);
  const pieces = graphemesOf(text);
  const tailColumns = Math.floor((columns - 1) / 2);
  const tail = head(pieces.toReversed(), tailColumns, (kept, piece) => piece + kept);
  return `${head(pieces, columns - 1 - displayWidth(tail))}…${tail}`;
}

function head(
  pieces: readonly string[],
  columns: number,
  add = (kept: string, piece: string) => kept + piece,
) {
  let kept = "";
  let width = 0;
  for (const piece of pieces) {
    width += graphemeWidth(piece);
    if (width > columns) break;
    kept = add(kept, piece);
  }
  return kept;
}
