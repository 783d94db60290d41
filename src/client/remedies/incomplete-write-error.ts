/** A write that reached some copies and not others: from now on readers may see the old or the new. Write it again. */
export class IncompleteWriteError extends Error {
  override readonly name = "IncompleteWriteError";
  /** How many were to be written. */
  readonly copies: number;
  /** What each copy that was not written said. */
  readonly failures: readonly unknown[];

  constructor(what: string, copies: number, failures: readonly unknown[]) {
    const [first] = failures;
    const reason = first instanceof Error ? first.message : String(first);
    super(
      `${what}: ${failures.length} of ${copies} copies could not be written, so that readers may see the old or the new: write it again (${reason})`,
      { cause: first },
    );
    this.copies = copies;
    this.failures = failures;
  }
}
