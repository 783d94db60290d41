/**
 * Which target watches which server process, so that one listed under two names is counted once.
 *
 * A server says who it is by its run id, which changes with each of its starts.
 */
export class ServerClaims {
  readonly #targets = new Map<string, string>();

  /** Claims the server `runId` for `target`. Returns the target that has it already; `null`: it is `target`'s. */
  claim(runId: string | null, target: string): string | null {
    for (const [claimed, holder] of this.#targets) {
      if (holder === target && claimed !== runId) this.#targets.delete(claimed);
    }
    if (runId === null) return null;
    const holder = this.#targets.get(runId) ?? target;
    this.#targets.set(runId, holder);
    return holder === target ? null : holder;
  }
}
