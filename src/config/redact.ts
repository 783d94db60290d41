import { choice, file, section } from "./scalars.ts";

/** Fewer could be guessed, and with them the keys. */
export const REDACT_SECRET_BYTES_MIN = 16;

export const redact = section({
  mode: choice(["none", "hash", "template"])
    .prefault("none")
    .describe(
      "What leaves the agent in place of a key: the key itself; its identity and the first segment of its pattern (`user:`); or its identity and its whole pattern (`user:{n}`).",
    ),
  keyFile: file()
    .optional()
    .describe(
      "File that holds the secret of the identities, one line of at least 16 bytes, the same at every agent; a trailing newline is left off. `hash` and `template` need it.",
    ),
})
  .prefault({})
  .describe("What is hidden of keys before anything leaves the agent.");
