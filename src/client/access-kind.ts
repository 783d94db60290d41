/**
 * What an access did, as apps tell it. A `miss` is a read that found nothing. `absorbed`: a read that a cache of the app
 * answered, which Redis never saw.
 */
export type AccessKind = "read" | "write" | "miss" | "absorbed";

export const ACCESS_KINDS: readonly AccessKind[] = ["read", "write", "miss", "absorbed"];
