/**
 * Puts a function in place of a method, on this one object only.
 *
 * Returns: what puts the object back as it was. Where somebody else has wrapped ours since, it stays below theirs: taking
 * it out would cut theirs off, so `replacement` must know by itself when to do nothing but the call.
 */
export function override<T extends object, K extends keyof T>(
  target: T,
  name: K,
  replacement: T[K],
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, {
    value: replacement,
    configurable: true,
    enumerable: before?.enumerable ?? false,
    writable: true,
  });
  return () => {
    if (Object.getOwnPropertyDescriptor(target, name)?.value !== replacement) return;
    if (before === undefined) Reflect.deleteProperty(target, name);
    else Object.defineProperty(target, name, before);
  };
}
