/** A key that the agent of the bench leases. */
export const HOT_KEY = "bench:hot";

/** How an app reads: as it is, observed, and mitigated while its key is not leased and while it is. */
export const MITIGATE_WAYS = ["plain", "observed", "not leased", "leased"] as const;

export type MitigateWay = (typeof MITIGATE_WAYS)[number];
