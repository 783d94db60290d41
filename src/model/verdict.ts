/**
 * What a rule says of a heat. `hot`: it surely holds. `calm`: the heat is surely below `resolveBelow`. `between`:
 * neither. `unknown`: something is missing, so that nobody can say that it is calm.
 */
export type Verdict = "hot" | "calm" | "between" | "unknown";
