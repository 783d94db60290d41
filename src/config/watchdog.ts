import { secretUrl } from "./receivers.ts";
import { duration, section } from "./scalars.ts";

export const watchdog = section({
  url: secretUrl().describe(
    "What is called (GET): a dead man's switch, which pages when the calls stay away. Best from an environment variable.",
  ),
  every: duration({ min: "1s", max: "1d" })
    .prefault("1m")
    .describe("How often it is called while all is well."),
})
  .optional()
  .describe("A service elsewhere that notices when Keyheat itself is down.");
