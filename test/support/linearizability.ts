/** A call on one object: when it began and ended, on one clock. `end` is Infinity where it never did: no result. */
export interface Call<Operation, Result> {
  readonly operation: Operation;
  readonly start: number;
  end: number;
  result: Result | undefined;
}

/**
 * Whether the calls can be put in one order, in which each lies between its start and its end, such that the object, from
 * `initial` on, gives these results. A call that never ended may have happened or not.
 *
 * `next` gives the states in which the object may be after an operation with that result (`undefined`: any result); none:
 * it cannot be. States are compared by their JSON.
 *
 * Source: Wing, Gong, "Testing and verifying concurrent objects", 1993; with states already tried left out, as Lowe does.
 */
export function isLinearizable<Operation, Result, State>(
  calls: readonly Call<Operation, Result>[],
  initial: State,
  next: (state: State, operation: Operation, result: Result | undefined) => readonly State[],
): boolean {
  const tried = new Set<string>();
  const search = (left: readonly number[], state: State): boolean => {
    if (left.every((index) => calls[index]!.end === Number.POSITIVE_INFINITY)) return true;
    const name = JSON.stringify([left, state]);
    if (tried.has(name)) return false;
    tried.add(name);
    const firstEnd = Math.min(...left.map((index) => calls[index]!.end));
    return left.some((index) => {
      const { operation, start, result } = calls[index]!;
      if (start > firstEnd) return false;
      const others = left.filter((other) => other !== index);
      return next(state, operation, result).some((after) => search(others, after));
    });
  };
  return search([...calls.keys()], initial);
}
