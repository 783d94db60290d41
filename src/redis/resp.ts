/** One word of a command. */
export type Word = string | number | Uint8Array;

/** A command as the server reads it: an array of bulk strings. Source: Redis serialization protocol specification. */
export function encodeCommand(words: readonly Word[]): Buffer {
  const pieces: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = word instanceof Uint8Array ? word : Buffer.from(String(word));
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, LINE_END);
  }
  return Buffer.concat(pieces);
}

const LINE_END = Buffer.from("\r\n");
