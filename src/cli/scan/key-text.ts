import { keep, keyLabel, type ShownKey } from "../../model/key.ts";

/** A key as one printable line; of a cut key there are the first 1,024 bytes only. */
export function shownKeyText({ key, keyEncoding, cut }: ShownKey): string {
  return keyLabel(keep(Buffer.from(key, keyEncoding))) + (cut ? "..." : "");
}
