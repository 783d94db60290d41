/** What is `null` in the model is absent on the wire. */
export function orAbsent<T>(value: T | null): T | undefined {
  return value === null ? undefined : value;
}

export function orNull<T>(value: T | undefined): T | null {
  return value === undefined ? null : value;
}
