/** Text from elsewhere (not a key: those go through `keyLabel`) as one line that a terminal takes for no command. */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const NOTHING = /^[\p{Mn}\p{Me}\u200b-\u200f]+$/u;
// Emoji and the East Asian blocks whose characters take two columns. Source: Unicode UAX #11, the wide ranges.
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function graphemesOf(text: string): string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function widthOf(grapheme: string): number {
  if (NOTHING.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** Columns that printable text takes in a terminal. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOf(segment);
  return width;
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

/** Text in lines of at most `columns` columns, broken at spaces; `linesMax` of them, the last one cut. */
export function wrap(text: string, columns: number, linesMax: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || lines.length === linesMax - 1 || displayWidth(longer) <= columns) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].map((one) => cutEnd(one, columns));
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
    width += widthOf(piece);
    if (width > columns) break;
    kept = add(kept, piece);
  }
  return kept;
}
