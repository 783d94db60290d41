import { InvalidArgumentError } from "commander";
import { ConfigError } from "../config/problem.ts";

/** Where a standalone or an aggregator serves its API unless told otherwise. */
export const DEFAULT_API_URL = "http://127.0.0.1:9380";

/** The end of a command's help. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** Throws: ConfigError, which does not repeat it, for a URL that holds a password. */
export function httpUrl(text: string): string {
  const { protocol, username, password } = URL.canParse(text)
    ? new URL(text)
    : { protocol: "", username: "", password: "" };
  // An InvalidArgumentError would repeat it, on a terminal that others may see.
  if (username + password !== "") {
    const message = "expected a URL without user and password: the API takes a token (--token-file)";
    throw new ConfigError("options", [{ path: "--url", message }]);
  }
  if (protocol === "http:" || protocol === "https:") return text;
  throw new InvalidArgumentError(`Expected a URL such as ${DEFAULT_API_URL}.`);
}

const BYTES_PER: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const FILE_BYTES_MIN = 2 ** 20;

/** In bytes; NaN for what is no size. */
function sizeBytes(text: string): number {
  const [, amount, unit = ""] = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  return Number(amount) * (BYTES_PER[unit] ?? Number.NaN);
}

/** In bytes. */
export function fileSize(text: string): number {
  const bytes = sizeBytes(text);
  if (bytes >= FILE_BYTES_MIN && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError("Expected a size of at least 1MiB, such as 500MiB or 2GiB.");
}

/** In bytes. */
export function valueSize(text: string): number {
  const bytes = sizeBytes(text);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError("Expected a size such as 512B, 10KiB or 1MiB.");
}
