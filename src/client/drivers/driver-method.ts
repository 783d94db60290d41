/**
 * A method of a client, as its driver made it: the one that is furthest down the prototypes.
 *
 * Returns: null where the client has another one in its place, of a subclass or put in by somebody: what that gives, and
 * what it does besides, is not known.
 */
export function driverMethod<T extends object, K extends keyof T>(client: T, name: K): T[K] | null {
  const method = client[name];
  let lowest: unknown;
  for (let holder: object | null = client; holder !== null; holder = Object.getPrototypeOf(holder)) {
    if (Object.hasOwn(holder, name)) lowest = Reflect.get(holder, name);
  }
  return typeof method === "function" && method === lowest ? method : null;
}
