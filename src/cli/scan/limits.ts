/** How many rows a scan lists unless told otherwise. */
export const LIMIT = 20;

/** All rows are kept in memory. */
export const LIMIT_MAX = 10_000;
