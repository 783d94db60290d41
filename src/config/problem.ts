/** One thing that is wrong with a config: where (`rules[0].window`, or a place in the text) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export type PathSegment = string | number;

const PROBLEMS_SHOWN_MAX = 1000;

/**
 * A config that cannot be used. `problems` holds every problem at once; none of them shows a secret.
 *
 * Retrying does not help: the file, a file that it names, or the environment has to change.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "BAD_CONFIG";
  readonly retryable = false;
  readonly source: string;
  readonly problems: readonly Problem[];

  constructor(source: string, problems: readonly Problem[], options?: ErrorOptions) {
    super([`${source}: ${countOf(problems.length)}`, ...problemLines(problems)].join("\n"), options);
    this.source = source;
    this.problems = problems;
  }
}

function countOf(problems: number): string {
  return problems === 1 ? "1 problem" : `${problems} problems`;
}

/** `path: message`, one line each; at most 1,000 lines and one that counts the rest. */
export function problemLines(problems: readonly Problem[]): string[] {
  const lines = problems.slice(0, PROBLEMS_SHOWN_MAX).map(({ path, message }) => `${path}: ${message}`);
  const more = problems.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}

const PLAIN_KEY = /^[A-Za-z_][\w-]*$/;
const SHOWN_CHARACTERS_MAX = 60;

/** `rules[0].match.key`; a key that is not a plain word stands in quotes; the whole config is `config`. */
export function formatPath(path: readonly PathSegment[]): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (PLAIN_KEY.test(segment) && segment.length <= SHOWN_CHARACTERS_MAX)
      text += text === "" ? segment : `.${segment}`;
    else text += `[${quote(segment)}]`;
  }
  return text === "" ? "config" : text;
}

/** Text in quotes on one line of bounded length, safe for a terminal. */
export function quote(text: string): string {
  const cut = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
  return JSON.stringify(cut).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
