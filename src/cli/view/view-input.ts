import type { KeyInput, KeyName } from "./key-decoder.ts";
import { SORTS } from "./key-order.ts";
import { graphemesOf } from "./text-width.ts";
import { cursorAt, followed, type Moment, type Room, shownKeys, type ViewState } from "./view-state.ts";

/** The state after an input. Pure. */
export function afterInput(state: ViewState, input: KeyInput, moment: Moment, room: Room): ViewState {
  if (input.type === "key" && input.name === "interrupt") return { ...state, isOver: true };
  // What is typed fast comes together, and the first character decides where the second one goes.
  const single: readonly KeyInput[] =
    input.type === "text" ? Array.from(input.text, (text) => ({ type: "text", text })) : [input];
  return single.reduce((before, one) => followed(pageInput(before, one, moment, room), moment), state);
}

function pageInput(state: ViewState, input: KeyInput, moment: Moment, room: Room): ViewState {
  // What leaves the help does nothing else.
  if (state.isHelpShown) return { ...state, isHelpShown: false };
  if (state.isTyping) return typed(state, input, moment, room);
  if (input.type === "paste") return state;
  const actions = state.opened === null ? tableActions : openedActions;
  return actions(state, input.type === "key" ? input.name : input.text, moment, room);
}

const FILTER_CHARACTERS_MAX = 200;

function typed(state: ViewState, input: KeyInput, moment: Moment, room: Room): ViewState {
  const { filter } = state.selection;
  if (input.type !== "key") return filtered(state, filter + input.text);
  switch (input.name) {
    case "enter":
      return { ...state, isTyping: false };
    case "escape":
      return { ...filtered(state, ""), isTyping: false };
    case "clear":
      return filtered(state, "");
    case "backspace":
      if (filter === "") return { ...state, isTyping: false };
      return filtered(state, graphemesOf(filter).slice(0, -1).join(""));
    default:
      return moved(state, input.name, moment, room);
  }
}

function filtered(state: ViewState, filter: string): ViewState {
  const kept = Array.from(filter).slice(0, FILTER_CHARACTERS_MAX).join("");
  return { ...state, selection: { ...state.selection, filter: kept } };
}

/** `name` is that of a key, or a character that was typed. */
function tableActions(state: ViewState, name: string, moment: Moment, room: Room): ViewState {
  switch (name) {
    case "/":
      return { ...state, isTyping: true };
    case "s":
      return sorted(state, 1);
    case "S":
      return sorted(state, -1);
    case "r": {
      const { selection } = state;
      return { ...state, selection: { ...selection, isReversed: !selection.isReversed } };
    }
    case "enter":
      return opened(state, moment);
    case "escape":
      return state.selection.filter === "" ? { ...state, cursor: null } : filtered(state, "");
    case "q":
      return { ...state, isOver: true };
    default:
      return moved(commonActions(state, name, moment), MOVES[name] ?? name, moment, room);
  }
}

const MOVES: Readonly<Record<string, KeyName>> = { j: "down", k: "up", g: "home", G: "end" };

function commonActions(state: ViewState, name: string, moment: Moment): ViewState {
  if (name === "?" || name === "h") return { ...state, isHelpShown: true };
  if (name !== "p" && name !== " ") return state;
  return { ...state, frozen: state.frozen === null ? moment : null };
}

function openedActions(state: ViewState, name: string, moment: Moment, room: Room): ViewState {
  if (name === "q" || name === "escape" || name === "backspace") return { ...state, opened: null };
  const { opened } = state;
  const distance = distanceOf(MOVES[name] ?? name, room.tableRows);
  if (opened === null || distance === 0) return commonActions(state, name, moment);
  const scroll = Math.max(0, Math.min(room.scrollMax, Math.min(room.scrollMax, opened.scroll) + distance));
  return { ...state, opened: { ...opened, scroll } };
}

function sorted(state: ViewState, step: number): ViewState {
  const { selection } = state;
  const index = SORTS.indexOf(selection.sort) + step + SORTS.length;
  return { ...state, selection: { ...selection, sort: SORTS[index % SORTS.length] ?? "total" } };
}

function opened(state: ViewState, moment: Moment): ViewState {
  const rows = shownKeys(state, moment);
  const cursor = state.cursor ?? cursorAt(rows, 0);
  const row = cursor === null ? undefined : rows[cursor.row];
  return row === undefined ? state : { ...state, cursor, opened: { row, isGone: false, scroll: 0 } };
}

/** How many rows a key moves; 0: it is none that moves. */
function distanceOf(name: string, pageRows: number): number {
  const page = Math.max(1, pageRows - 1);
  const distances: Readonly<Record<string, number>> = {
    up: -1,
    down: 1,
    pageUp: -page,
    pageDown: page,
    home: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
  };
  return distances[name] ?? 0;
}

function moved(state: ViewState, name: string, moment: Moment, { tableRows }: Room): ViewState {
  const distance = distanceOf(name, tableRows);
  if (distance === 0) return state;
  const rows = shownKeys(state, moment);
  // The first step down points at the first row.
  const from = state.cursor?.row ?? (distance > 0 ? -1 : 0);
  return { ...state, cursor: cursorAt(rows, from + distance) };
}
