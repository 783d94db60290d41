/** A recording that cannot be made or read; the message names the file and says what to do. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  ENOSPC: "no space is left",
  EROFS: "the file system is read-only",
};

/** Why the system refuses, in words. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return REASONS[code] ?? error.message;
}
