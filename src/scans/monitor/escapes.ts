/** What stands for some bytes behind a backslash; quote and backslash stand for themselves. Source: Redis `sdscatrepr`. */
const LETTERS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };

const BYTE_OF_LETTER: ReadonlyMap<number, number> = new Map(
  Object.entries(LETTERS).map(([letter, byte]) => [letter.charCodeAt(0), byte.charCodeAt(0)]),
);

/** The byte that one behind a backslash stands for. */
export function escapedByte(letter: number): number {
  return BYTE_OF_LETTER.get(letter) ?? letter;
}

/** Of a hexadecimal digit; -1 for anything else. */
export function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
