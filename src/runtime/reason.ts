/** What an error says, in one line as far as it is one of ours. */
export function reasonOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
