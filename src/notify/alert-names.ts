import type { Incident } from "../model/incident.ts";
import { isCut, isLabelWhole, KEY_BYTES_KEPT, keyLabel } from "../model/key.ts";
import { visible, visibleEnds } from "../model/visible-text.ts";

const TITLE_NAME_CHARACTERS_MAX = 60;

/**
 * A key as people are told of it: its label, one printable line; where that leaves some of the key out, with how long
 * the key is.
 */
export function shownKeyName(kept: Uint8Array): string {
  const label = labelOf(kept);
  if (isLabelWhole(kept)) return label;
  return isCut(kept) ? `${label} (longer than ${KEY_BYTES_KEPT} bytes)` : `${label} (${kept.length} bytes)`;
}

function labelOf(kept: Uint8Array): string {
  return kept.length === 0 ? "(the empty key)" : visible(keyLabel(kept));
}

/** What an incident is about, in a title: a key or a node, of at most 60 characters. */
export function subjectName({ key, target }: Incident): string {
  return visibleEnds(key === null ? (target ?? "") : labelOf(key.bytes), TITLE_NAME_CHARACTERS_MAX);
}
