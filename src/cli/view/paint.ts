/** Turns text into coloured text, or leaves it as it is. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  /** Of the line that is pointed at. */
  inverse(text: string): string;
  /**
   * Moves to a column, from 0, where a terminal can: what stands there keeps its place also where the terminal draws the
   * characters before it wider or narrower than they should be.
   */
  toColumn(column: number): string;
}

const style = (open: number, close: number) => (text: string) =>
  text === "" ? "" : `\u001b[${open}m${text}\u001b[${close}m`;

const toColumn = (column: number) => `\u001b[${column + 1}G`;
const plain = (text: string) => text;

export const colours: Paint = {
  bold: style(1, 22),
  dim: style(2, 22),
  red: style(31, 39),
  yellow: style(33, 39),
  green: style(32, 39),
  inverse: style(7, 27),
  toColumn,
};

/** Text alone: for what is no terminal. */
export const noColours: Paint = {
  bold: plain,
  dim: plain,
  red: plain,
  yellow: plain,
  green: plain,
  inverse: plain,
  toColumn: () => "",
};

/** A terminal of somebody who wants no colours: what is pointed at is to be seen all the same. */
const monochrome: Paint = { ...noColours, bold: colours.bold, inverse: colours.inverse, toColumn };

/** Colours for a terminal, unless the user has said no. Source: no-color.org, which leaves bold and inverse alone. */
export function paintFor(env: NodeJS.ProcessEnv): Paint {
  return (env.NO_COLOR ?? "") === "" ? colours : monochrome;
}
