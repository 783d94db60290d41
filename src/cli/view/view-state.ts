import { type Selection, selectKeys } from "./key-order.ts";
import { type KeyRow, NO_SCENE, type Scene } from "./scene.ts";
import { NO_TRAILS, type Trails } from "./trails.ts";

/** What is known at one moment. */
export interface Moment {
  readonly scene: Scene;
  readonly trails: Trails;
  /** Why there is no newer scene, in one line; `null`: there was an answer. */
  readonly failure: string | null;
}

export const NO_MOMENT: Moment = { scene: NO_SCENE, trails: NO_TRAILS, failure: null };

/** What somebody has made of the view. */
export interface ViewState {
  readonly selection: Selection;
  /** Whether what is typed goes into the filter. */
  readonly isTyping: boolean;
  /** The key that is pointed at, and the row where it was last; `null`: none. */
  readonly cursor: { readonly id: string; readonly row: number } | null;
  /** The key that is looked into, as it was last seen. */
  readonly opened: Opened | null;
  readonly isHelpShown: boolean;
  /** What is shown while the view is paused. */
  readonly frozen: Moment | null;
  readonly isOver: boolean;
}

export interface Opened {
  readonly row: KeyRow;
  /** Whether it is not among the keys of the scene any more. */
  readonly isGone: boolean;
  /** Lines that are scrolled out at the top. */
  readonly scroll: number;
}

/** What the size of the terminal says. */
export interface Room {
  /** Rows of the table that are shown. */
  readonly tableRows: number;
  /** How far the opened key can be scrolled. */
  readonly scrollMax: number;
}

export function firstState(selection: Selection): ViewState {
  return {
    selection,
    isTyping: false,
    cursor: null,
    opened: null,
    isHelpShown: false,
    frozen: null,
    isOver: false,
  };
}

/** What is shown now. */
export function shownMoment(state: ViewState, moment: Moment): Moment {
  return state.frozen ?? moment;
}

/** The keys that are shown, in their order. */
export function shownKeys(state: ViewState, moment: Moment): readonly KeyRow[] {
  return selectKeys(shownMoment(state, moment).scene.keys, state.selection);
}

/** The state after a new moment: the cursor stays on its key, the opened key is brought up to date. Pure. */
export function followed(state: ViewState, moment: Moment): ViewState {
  const rows = shownKeys(state, moment);
  return { ...state, cursor: cursorIn(rows, state.cursor), opened: openedIn(state, moment) };
}

/** Where its key has gone, the cursor stays where it was. */
function cursorIn(rows: readonly KeyRow[], cursor: ViewState["cursor"]): ViewState["cursor"] {
  if (cursor === null) return null;
  // Long keys that begin alike have one identity: a search would find the first of them for ever.
  if (rows[cursor.row]?.id === cursor.id) return cursor;
  const found = rows.findIndex(({ id }) => id === cursor.id);
  return found >= 0 ? { id: cursor.id, row: found } : cursorAt(rows, cursor.row);
}

/** At a row, or the nearest that there is. */
export function cursorAt(rows: readonly KeyRow[], row: number): ViewState["cursor"] {
  const held = Math.max(0, Math.min(rows.length - 1, row));
  const id = rows[held]?.id;
  return id === undefined ? null : { id, row: held };
}

function openedIn(state: ViewState, moment: Moment): Opened | null {
  const { opened } = state;
  if (opened === null) return null;
  const row = shownMoment(state, moment).scene.keys.find(({ id }) => id === opened.row.id);
  return row === undefined ? { ...opened, isGone: true } : { ...opened, row, isGone: false };
}
