/** What prints nothing or anything (private use), moves what stands beside it, or looks like a space and is none. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|[\p{Zs}--\u0020]/gv;

/** Text from elsewhere (not a key: those go through `keyLabel`) as one line, with what cannot be seen escaped (`\u{202e}`). */
export function visible(text: string): string {
  return text.toWellFormed().replace(INVISIBLE, escapeCharacter);
}

/** The same, of at most `charactersMax` characters: a longer one is cut at its end, and ends in `…`. */
export function visibleHead(text: string, charactersMax: number): string {
  const all = visible(text);
  return all.length <= charactersMax ? all : `${all.slice(0, charactersMax - 1).toWellFormed()}…`;
}

/** The same, cut in its middle: names differ at both ends. */
export function visibleEnds(text: string, charactersMax: number): string {
  const all = visible(text);
  if (all.length <= charactersMax) return all;
  const tail = Math.floor((charactersMax - 1) / 2);
  const head = charactersMax - 1 - tail;
  return `${all.slice(0, head).toWellFormed()}…${all.slice(all.length - tail).toWellFormed()}`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `\\u{${code.toString(16)}}`;
}
