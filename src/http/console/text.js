/** @import { ShownKey } from "./shapes.js" */

/**
 * A key as one line of visible text. What would move, hide or reverse other text is written out (`\n`, `\u{202e}`,
 * `\xff`), as in alerts and logs.
 *
 * @param {ShownKey} shown
 */
export function keyText({ key, keyEncoding, cut }) {
  if (key === null) return "";
  const text = keyEncoding === "base64" ? bytesText(key) : visible(key);
  if (text === "") return "(the empty key)";
  return cut ? `${text}… (longer than 1 KiB)` : text;
}

/** @param {string} base64 */
function bytesText(base64) {
  return Array.from(atob(base64), (character) => {
    const byte = character.charCodeAt(0);
    return byte < 0x80 ? visible(character) : `\\x${byte.toString(16)}`;
  }).join("");
}

/** @param {string} text */
export function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\]/gu, (character) => {
    if (character === "\\") return "\\\\";
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}

/**
 * A number with thousands separated, below 100 with one decimal where it has any: `8,012`, `12.5`.
 *
 * @param {number} value
 */
export function numberText(value) {
  const digits = Math.abs(value) < 100 && !Number.isInteger(value) ? 1 : 0;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {number} perSecond */
export function rateText(perSecond) {
  return `${numberText(perSecond)}/s`;
}

/** @param {number | null} share of 0..1 */
export function shareText(share) {
  return share === null ? "not known" : `${numberText(Math.round(share * 1000) / 10)}%`;
}

/**
 * A number of bytes: `120 B`, `9.8 KiB`.
 *
 * @param {number} bytes
 */
export function bytesLength(bytes) {
  if (bytes < 1024) return `${numberText(bytes)} B`;
  if (bytes < 1024 * 1024) return `${numberText(bytes / 1024)} KiB`;
  return `${numberText(bytes / (1024 * 1024))} MiB`;
}

/**
 * A duration in its two largest units: `45s`, `3m 05s`, `2h 07m`, `3d 04h`.
 *
 * @param {number} ms
 */
export function durationText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes === 0) return `${seconds}s`;
  if (hours === 0) return `${minutes}m ${two(seconds % 60)}s`;
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/**
 * The time of day here, with the date where it is not today's.
 *
 * @param {number} ms since 1970
 * @param {number} nowMs
 */
export function timeText(ms, nowMs) {
  const at = new Date(ms);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return isToday ? time : `${date} ${time}`;
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0");
}

/**
 * @param {number} count
 * @param {string} noun in the singular
 */
export function counted(count, noun) {
  return `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;
}
