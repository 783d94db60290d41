import fc from "fast-check";

export type { Arbitrary } from "fast-check";

const { KEYHEAT_SEED } = process.env;

/**
 * fast-check, drawing the same values in each run: one tree gets one answer. `KEYHEAT_SEED=random` draws new ones, any
 * integer those of another run.
 */
fc.configureGlobal({ seed: KEYHEAT_SEED === "random" ? Date.now() : Number(KEYHEAT_SEED ?? 1) });

export default fc;
