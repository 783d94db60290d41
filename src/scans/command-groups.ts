import type { Answer, CommandLine } from "../redis/session.ts";
import type { ScanServer } from "./scan-server.ts";

/** Commands that leave in one go: the server runs them without anybody else's between, for about 30 us. */
const GROUP_COMMANDS = 20;

/** Answers to commands that leave in groups of 20. Throws: `TargetError`. */
export async function askInGroups(
  server: Pick<ScanServer, "ask">,
  lines: readonly CommandLine[],
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < lines.length; start += GROUP_COMMANDS)
    answers.push(...(await server.ask(lines.slice(start, start + GROUP_COMMANDS))));
  return answers;
}
