/** A pod as the API server has it, as far as tests need it. */
export interface PodJson {
  readonly metadata: {
    readonly uid: string;
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly resourceVersion: string;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string; readonly podIP?: string };
}

/** Selectors of equalities alone: `app=redis,tier=cache`. */
export function matcher(query: URLSearchParams, namespace: string): (pod: PodJson) => boolean {
  const labels = pairsOf(query.get("labelSelector"));
  const node = pairsOf(query.get("fieldSelector")).get("spec.nodeName");
  return ({ metadata, spec }) =>
    metadata.namespace === namespace &&
    (node === undefined || spec.nodeName === node) &&
    [...labels].every(([key, value]) => metadata.labels[key] === value);
}

function pairsOf(selector: string | null): Map<string, string> {
  const pairs = (selector ?? "").split(",").filter((pair) => pair !== "");
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
