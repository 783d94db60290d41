import { Recording } from "../recording/recording.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";

/** What `--record` and its companions say. */
export interface RecordOptions {
  readonly record?: string;
  /** Bytes. */
  readonly recordMax?: number;
  readonly recordOverwrite?: boolean;
}

const RECORD_BYTES_MAX_DEFAULT = 2 ** 30;

const CLOSE_MS = 500;

/**
 * Starts a daemon with the recording that was asked for; `null`: none was. Where it does not start, nothing is left.
 *
 * Throws: RecordingError, and what `start` throws.
 */
export async function withRecording<T>(
  { record, recordMax = RECORD_BYTES_MAX_DEFAULT, recordOverwrite = false }: RecordOptions,
  logger: Logger,
  start: (recording: Recording | null) => Promise<T>,
): Promise<T> {
  if (record === undefined) return await start(null);
  const options = { bytesMax: recordMax, overwrite: recordOverwrite, clock: systemClock, logger };
  const recording = await Recording.open(record, options);
  try {
    return await start(recording);
  } catch (error) {
    await recording.close(CLOSE_MS);
    throw error;
  }
}
