import type { Rule } from "./config/schema.ts";
import type { BaselineSeries } from "./model/baseline.ts";
import type { KeyIncident } from "./model/incident.ts";
import { type Key, keyId } from "./model/key.ts";
import { BaselineBook, type Entry } from "./rules/baseline-book.ts";
import type { KeyRuleGroup } from "./rules/rule-set.ts";
import { SURGE_FACTOR } from "./rules/surge.ts";
import type { Counted, Survey } from "./windows/survey.ts";
import type { Windows } from "./windows/windows.ts";

/** After so long a level that does not fall is what is usual. */
const ADOPTED_AFTER_MS = 1_800_000;
/** Keys that are read and judged at one hop, some 100 us each: in a storm the others follow. */
const CANDIDATES_MAX = 500;
/** What one partition tells at a time of the baselines of one cluster. */
const TOLD_BYTES_MAX = 256 * 1024;
/** The same of all clusters: a record has the hottest keys beside them, and Kafka refuses one of 1 MiB. */
const TOLD_BYTES_OF_ALL_MAX = 512 * 1024;

interface Series {
  readonly book: BaselineBook;
  /** End of the last hop that was looked at, ms since 1970. */
  judgedMs: number;
  /** Which hop within a window's length takes the counts: not that of all series at once. */
  readonly phase: number;
}

/** A key that may have surged. */
export interface Candidate {
  readonly handle: number;
  readonly usual: Entry;
}

/** What is usual of keys, for the rules that ask for it: windows -> baselines -> who stands out. */
export class SurgeJudge {
  /** By cluster, kind and window. */
  readonly #series = new WeakMap<Windows, Map<string, Series>>();
  #seriesMade = 0;

  /**
   * A hop of a cluster has closed. Each window's length the baselines take in the counts, but of keys with an open incident.
   * Returns the keys without one, of those that `mayJudge` names, that stand out by their sums alone.
   *
   * Cost: one pass over the sums a hop; each window's length a second one, and the bounds of up to 2,000 keys.
   */
  hop(
    windows: Windows,
    cluster: string,
    group: KeyRuleGroup,
    open: ReadonlySet<string>,
    mayJudge: (key: Key) => boolean,
  ): readonly Candidate[] {
    const survey = windows.survey(cluster);
    if (survey === null) return [];
    const series = this.#seriesOf(windows, cluster, group);
    const { book } = series;
    book.hold(open);
    if (survey.asOfMs === series.judgedMs) return [];
    if (isDue(series, survey)) passWindow(book, survey, open);
    series.judgedMs = survey.asOfMs;
    return book.isWarm ? candidates(book, survey, group, (key) => !open.has(idOf(key)) && mayJudge(key)) : [];
  }

  /**
   * What is usual of the key of an open incident. It is taken from the incident where nothing else is known of it, after a
   * restart; a level that has lasted for half an hour is adopted.
   */
  usualOf(windows: Windows, incident: KeyIncident, rule: Rule, nowMs: number): Entry | null {
    const { cluster, key, measure } = incident;
    const { kind, window: windowMs } = rule;
    const survey = windows.survey(cluster);
    if (survey === null) return null;
    const { book } = this.#seriesOf(windows, cluster, { kind, windowMs });
    const known = book.find(key);
    if (known === undefined) {
      // Before the rule was one of surges nobody asked what is usual.
      const mean = measure.baseline === null ? book.othersMean : (measure.baseline * windowMs) / 1000;
      return book.enterWith(key, mean);
    }
    const firedMs = incident.firedAtMs ?? nowMs;
    if (incident.status !== "firing" || nowMs - Math.max(firedMs, known.adoptedMs) < ADOPTED_AFTER_MS) {
      return known;
    }
    const count = survey.clearing(key, windowMs, kind);
    if (count !== null) book.adopt(known, count, nowMs);
    return known;
  }

  /** For the process that judges these keys next: of what these rules ask for. */
  told(windows: Windows, cluster: string, groups: readonly KeyRuleGroup[]): readonly BaselineSeries[] {
    const all = this.#series.get(windows);
    const series = groups.filter(isOfSurges).map((group) => all?.get(seriesId(cluster, group)));
    const own = series.filter((one) => one !== undefined);
    const bytesMax = Math.min(TOLD_BYTES_MAX, TOLD_BYTES_OF_ALL_MAX / windows.clusters().length);
    return own.map(({ book }) => book.told(Math.floor(bytesMax / own.length)));
  }

  /** Goes on with what the process that judged these keys before has told. */
  resume(
    windows: Windows,
    cluster: string,
    groups: readonly KeyRuleGroup[],
    told: readonly BaselineSeries[],
  ): void {
    const wanted = new Set(groups.filter(isOfSurges).map((group) => seriesId(cluster, group)));
    for (const series of told) {
      if (!wanted.has(seriesId(cluster, series))) continue;
      const { book } = this.#seriesOf(windows, cluster, series);
      if (book.counted < series.counted) book.resume(cluster, series);
    }
  }

  #seriesOf(
    windows: Windows,
    cluster: string,
    { kind, windowMs }: Pick<KeyRuleGroup, "kind" | "windowMs">,
  ): Series {
    let all = this.#series.get(windows);
    if (all === undefined) {
      all = new Map();
      this.#series.set(windows, all);
    }
    const id = seriesId(cluster, { kind, windowMs });
    let series = all.get(id);
    if (series === undefined) {
      forgetClusters(all, windows);
      const book = new BaselineBook({ kind, windowMs, hopMs: windows.hopMs });
      series = { book, judgedMs: 0, phase: this.#seriesMade++ };
      all.set(id, series);
    }
    return series;
  }
}

function seriesId(cluster: string, { kind, windowMs }: Pick<KeyRuleGroup, "kind" | "windowMs">): string {
  return `${kind}\0${windowMs}\0${cluster}`;
}

function isOfSurges({ type }: KeyRuleGroup): boolean {
  return type === "surge";
}

/** Of clusters that nothing is heard of any more. */
function forgetClusters(all: Map<string, Series>, windows: Windows): void {
  const clusters = new Set(windows.clusters());
  for (const id of all.keys()) {
    const cluster = id.slice(id.lastIndexOf("\0") + 1);
    if (!clusters.has(cluster)) all.delete(id);
  }
}

/** Whether a window has passed since the last hop that was looked at. After a gap it counts once. */
function isDue({ book, judgedMs, phase }: Series, { asOfMs, hopMs }: Survey): boolean {
  const offsetMs = phase * hopMs;
  const numberOf = (ms: number) => Math.floor((ms + offsetMs) / book.windowMs);
  return judgedMs > 0 && numberOf(asOfMs) > numberOf(judgedMs);
}

/** Those of its entries whose keys are named in a window, by their handles. */
function namedEntries(book: BaselineBook, survey: Survey): Map<number, Entry> {
  const named = new Map<number, Entry>();
  for (const entry of book.entries()) {
    const handle = survey.handleOf(entry.key);
    if (handle !== undefined) named.set(handle, entry);
  }
  return named;
}

function passWindow(book: BaselineBook, survey: Survey, open: ReadonlySet<string>): void {
  const { kind, windowMs } = book;
  if (!survey.isWatched(windowMs)) return;
  enterHottest(book, survey);
  const named = namedEntries(book, survey);
  let othersMost = survey.unseenMost(windowMs);
  for (const { handle } of survey.keysFrom(windowMs, kind, 0)) {
    if (!named.has(handle)) othersMost = Math.max(othersMost, survey.atMost(handle, windowMs, kind));
  }
  book.pass(
    ({ key }) => survey.clearing(key, windowMs, kind),
    ({ key }) => open.has(idOf(key)),
    othersMost,
  );
}

/** The hottest keys of the window get entries of their own. */
function enterHottest(book: BaselineBook, survey: Survey): void {
  const { kind, windowMs } = book;
  const named = namedEntries(book, survey);
  const hottest = survey.keysFrom(windowMs, kind, 1).sort(byCount).slice(0, book.keysMax);
  for (const { handle, atLeast } of hottest) {
    if (named.has(handle)) continue;
    const atMost = survey.atMost(handle, windowMs, kind);
    if (book.enter({ key: survey.keyOf(handle), atLeast, atMost }) === null) return;
  }
}

/** The hottest of those that stand out come first; what is beyond the limit comes with a later hop. */
function candidates(
  book: BaselineBook,
  survey: Survey,
  { kind, windowMs, screen }: KeyRuleGroup,
  mayRise: (key: Key) => boolean,
): readonly Candidate[] {
  const named = namedEntries(book, survey);
  const standOut = survey
    .keysFrom(windowMs, kind, Math.max(screen.least, 1))
    .filter(({ handle, atLeast }) => {
      return atLeast >= SURGE_FACTOR * (named.get(handle)?.baseline.mean ?? book.othersMean);
    })
    .sort(byCount);
  const found: Candidate[] = [];
  for (const { handle, atLeast } of standOut) {
    if (found.length >= CANDIDATES_MAX) break;
    const known = named.get(handle);
    const key = known?.key ?? survey.keyOf(handle);
    if (!mayRise(key)) continue;
    const usual = known ?? book.enter({ key, atLeast, atMost: survey.atMost(handle, windowMs, kind) });
    if (usual !== null) found.push({ handle, usual });
  }
  return found;
}

/** Most accesses first. */
function byCount(one: Counted, other: Counted): number {
  return other.atLeast - one.atLeast;
}

function idOf({ db, bytes }: Key): string {
  return keyId(db, bytes);
}
