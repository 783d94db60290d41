import { keep, keyLabel, type ShownKey } from "../../model/key.ts";

/** Stands for the key without a name, which an empty cell would hide. */
const NAMELESS = '""';

/** A key as one printable line; of a cut key there are the first 1,024 bytes only. */
export function shownKeyText({ key, keyEncoding, cut }: ShownKey): string {
  const label = keyLabel(keep(Buffer.from(key, keyEncoding))) + (cut ? "..." : "");
  return label === "" ? NAMELESS : label;
}
