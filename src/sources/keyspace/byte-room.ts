import { viewOf } from "../../panes/key-words.ts";

/** Memory that frames are read from: by bytes, and by words. */
export interface ByteRoom {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function byteRoom(length: number): ByteRoom {
  const bytes = new Uint8Array(length);
  return { bytes, view: viewOf(bytes) };
}
