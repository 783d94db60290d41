import { isCut, KEY_BYTES_KEPT } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";

/** How much of a key's pattern its label may have. */
export type LabelMode = "hash" | "template";

const BYTES = "{bytes}";
const UNTOLD = "{key}";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const NOT_TEXT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u;
const LAST_SEGMENT = /[^:/.|_-]*$/;
/** The `{` of a hash tag may stand before a word, its `}` after it. */
const FIRST_SEGMENT = /^\{?(?:\{(?:n|hex|id|uuid|bytes)\}|[A-Za-z])+\}?[:/.|_-]/;
const PLACEHOLDER = /^(\{(?:n|hex|id|uuid|bytes)\})[:/.|_-]?$/;

/**
 * What a redacted key is called: in mode `template` by its pattern, in mode `hash` by the first segment of that.
 *
 * Segments end at `:`, `/`, `.`, `|`, `-` and `_`. The first one is told with what ends it (`user:`), without where it is
 * nothing but a placeholder (`{n}`); where it is no plain word, or where nothing ends it (the whole key would be told),
 * the label is `{key}`.
 * From the segment on that has control characters or is no UTF-8, a pattern has `{bytes}`: there it would spell them.
 */
export function redactedLabelOf(kept: Uint8Array, mode: LabelMode): string {
  const template = templateOf(kept);
  return mode === "template" ? template : firstSegmentOf(template);
}

function templateOf(kept: Uint8Array): string {
  const text = utf8.decode(isCut(kept) ? kept.subarray(0, KEY_BYTES_KEPT) : kept);
  const textEnd = text.search(NOT_TEXT);
  if (textEnd < 0) return patternOf(kept);
  return patternOf(Buffer.from(text.slice(0, textEnd).replace(LAST_SEGMENT, ""))) + BYTES;
}

function firstSegmentOf(template: string): string {
  const segment = FIRST_SEGMENT.exec(template)?.[0] ?? template;
  const placeholder = PLACEHOLDER.exec(segment)?.[1];
  return placeholder ?? (segment === template ? UNTOLD : segment);
}
