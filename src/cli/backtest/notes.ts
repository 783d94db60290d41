import type { BacktestResult } from "../../backtest.ts";

const ENDS: Readonly<Record<BacktestResult["end"], readonly string[]>> = {
  whole: [],
  interrupted: ["interrupted: what came later was not replayed"],
  jump: ["the time of what was recorded jumps by more than a week: what came after that was not replayed"],
};

/** What a reader of the result has to know of it beside the figures, a line each. */
export function unitedNotes(result: BacktestResult, ofPast: readonly string[]): string[] {
  return [...ofPast, ...ENDS[result.end], ...refusedNote(result), ...leftOutNote(result)];
}

/** Parts that no window took in, where that is more than a running Keyheat's usual redelivery. */
function refusedNote({ books }: BacktestResult): string[] {
  const dropped = books.find(({ stage }) => stage === "windows")?.dropped ?? {};
  const { refused = 0, late = 0, future = 0 } = dropped;
  const ofTime = late + future;
  return [
    ...(refused === 0
      ? []
      : [`${refused} parts were refused: do their panes have the panes.length of these rules?`]),
    ...(ofTime === 0 ? [] : [`${ofTime} parts came too late or from the future, and count in no window`]),
  ];
}

function leftOutNote({ leftOut }: BacktestResult): string[] {
  return leftOut === 0 ? [] : [`${leftOut} incidents and messages were too many and are not shown`];
}
