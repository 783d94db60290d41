/**
 * The JSON values of a stream with one a line.
 *
 * Throws: RangeError for a line of more than `bytesMax` bytes, SyntaxError for one that is no JSON. A last line without
 * its end was cut off, and is left out.
 */
export async function* jsonLines(
  pieces: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<unknown, void, undefined> {
  let open: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    let rest = piece;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const line = Buffer.concat([...open, rest.subarray(0, end)]).toString("utf8");
      open = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== "") yield JSON.parse(line);
    }
    bytes += rest.length;
    if (bytes > bytesMax) throw new RangeError(`a line has more than ${bytesMax} bytes`);
    open.push(rest);
  }
}

const NEWLINE = 0x0a;
