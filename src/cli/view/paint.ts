/** Turns text into coloured text, or leaves it as it is. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
}

const style = (open: number, close: number) => (text: string) =>
  text === "" ? "" : `\u001b[${open}m${text}\u001b[${close}m`;

export const colours: Paint = {
  bold: style(1, 22),
  dim: style(2, 22),
  red: style(31, 39),
  yellow: style(33, 39),
  green: style(32, 39),
};

const plain = (text: string) => text;

export const noColours: Paint = { bold: plain, dim: plain, red: plain, yellow: plain, green: plain };

/** Colours for a terminal that can show them, unless the user has said no. Source: no-color.org. */
export function paintFor(env: NodeJS.ProcessEnv): Paint {
  const isOff = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  return isOff ? noColours : colours;
}
