import { formatDuration } from "../../model/duration-text.ts";
import type { Severity } from "../../model/incident.ts";
import { FOLDED_LABEL } from "../alert-facts.ts";
import type { AdviceText, AlertFact, AlertText, IncidentText } from "../alert-text.ts";
import { code, escapeText, link } from "./slack-markup.ts";

/**
 * Limits of a message, in characters.
 *
 * Source: https://docs.slack.dev/reference/block-kit/blocks; that of the whole message is not written down there
 * (github.com/slackapi/bolt-js/issues/2509 found about 13,000).
 */
export const SLACK_LIMITS = {
  header: 150,
  section: 3000,
  fields: 10,
  field: 2000,
  blocks: 50,
  message: 12_000,
} as const;

/** A text without markup; emoji codes (`:name:`) are left as they are. */
interface PlainText {
  readonly type: "plain_text";
  readonly text: string;
  readonly emoji: false;
}

/** A text with Slack's markup; `verbatim`: names and addresses in it do not become mentions and links. */
interface Mrkdwn {
  readonly type: "mrkdwn";
  readonly text: string;
  readonly verbatim: true;
}

export type SlackBlock =
  | { readonly type: "header"; readonly text: PlainText }
  | { readonly type: "section"; readonly text?: Mrkdwn; readonly fields?: readonly Mrkdwn[] }
  | { readonly type: "context"; readonly elements: readonly Mrkdwn[] };

export interface SlackMessage {
  /** What notifications show, and all there is where blocks are refused. */
  readonly text: string;
  readonly blocks?: readonly SlackBlock[];
  readonly unfurl_links: false;
  readonly unfurl_media: false;
  readonly link_names: false;
  readonly parse: "none";
}

const FRAME = { unfurl_links: false, unfurl_media: false, link_names: false, parse: "none" } as const;

const SIGNS: Readonly<Record<Severity, string>> = { info: "🔵", warning: "🟠", critical: "🔴" };
const RESOLVED_SIGN = "🟢";
/** Room in a header for the sign before its title. */
const SIGN_CHARACTERS = 3;
/** Far below what a field may have: there are others. */
const FIELD_CHARACTERS_MAX = 600;
/** Room for how many more there are. */
const MORE_CHARACTERS = 30;

/** The message with blocks: of one incident all that is known, of several a line each. */
export function slackMessage(alert: AlertText): SlackMessage {
  const [only] = alert.incidents;
  const isOne = alert.incidents.length === 1 && alert.more === 0 && only !== undefined;
  const header: SlackBlock = { type: "header", text: plain(headerOf(alert)) };
  return {
    text: headLine(alert),
    blocks: fittingBlocks([header, ...(isOne ? incidentBlocks(alert, only) : groupBlocks(alert))]),
    ...FRAME,
  };
}

/** The same without blocks, for a service that refuses them. */
export function slackPlainMessage(alert: AlertText): SlackMessage {
  const [only] = alert.incidents;
  const isOne = alert.incidents.length === 1 && alert.more === 0 && only !== undefined;
  const lines = isOne ? incidentLines(alert, only) : groupLines(alert, SLACK_LIMITS.section);
  return { text: [headLine(alert), ...fitting(lines, SLACK_LIMITS.section)].join("\n"), ...FRAME };
}

function headerOf({ title, ...alert }: AlertText): string {
  return `${signOf(alert)}${escapeText(title, SLACK_LIMITS.header - SIGN_CHARACTERS)}`;
}

/** The title where markup is understood. */
function headLine({ title, ...alert }: AlertText): string {
  return `${signOf(alert)}${code(title)}`;
}

function signOf({ event, severity, isTest }: Omit<AlertText, "title">): string {
  if (isTest) return "";
  return `${event === "resolved" ? RESOLVED_SIGN : SIGNS[severity]} `;
}

function incidentBlocks(alert: AlertText, text: IncidentText): SlackBlock[] {
  const { facts, consoleUrl, incident } = text;
  const where = consoleUrl === null ? [] : [link(consoleUrl, "Open in the console")];
  return [
    { type: "section", fields: facts.slice(0, SLACK_LIMITS.fields).map(field) },
    ...sectionsOf([...trailLines(text), ...facts.slice(SLACK_LIMITS.fields).map(factLine)]),
    ...sectionsOf(adviceLines(alert, text)),
    contextOf([...where, `rule ${code(incident.rule)}`, `incident ${code(incident.id)}`]),
  ];
}

function incidentLines(alert: AlertText, text: IncidentText): string[] {
  const where = text.consoleUrl === null ? [] : [link(text.consoleUrl, "Open in the console")];
  return [...where, ...text.facts.map(factLine), ...trailLines(text), ...adviceLines(alert, text)];
}

function groupBlocks(alert: AlertText): SlackBlock[] {
  const folded = alert.incidents.flatMap(({ facts }) => facts.filter(({ label }) => label === FOLDED_LABEL));
  return [...sectionsOf(groupLines(alert, SLACK_LIMITS.section)), ...sectionsOf(folded.map(factLine))];
}

/** A line for each of the first incidents that fit, and how many more there are. */
function groupLines({ incidents, more }: AlertText, charactersMax: number): string[] {
  const lines = fitting(incidents.map(groupLine), charactersMax - MORE_CHARACTERS);
  const left = more + incidents.length - lines.length;
  return left > 0 ? [...lines, `+${left} more`] : lines;
}

/** The title holds names from elsewhere, so all of it is shown as code. */
function groupLine({ incident, title, consoleUrl }: IncidentText): string {
  const where = consoleUrl === null ? "" : ` ${link(consoleUrl, "open")}`;
  return `${SIGNS[incident.severity]} ${code(title)}${where}`;
}

function trailLines({ sparkline, sparklineMs }: IncidentText): string[] {
  return sparkline === "" ? [] : [`\`${sparkline}\` last ${formatDuration(sparklineMs)}`];
}

/** What is over needs none. */
function adviceLines({ event }: AlertText, { advice }: IncidentText): string[] {
  return event === "resolved" ? [] : advice.map(adviceLine);
}

function adviceLine({ remedy, why, url, place }: AdviceText): string {
  const name = url === null ? `*${escapeText(remedy)}*` : link(url, remedy);
  return `${name}: ${escapeText(why)}${url === null ? ` (${escapeText(place)})` : ""}`;
}

function field(fact: AlertFact): Mrkdwn {
  return mrkdwn(`*${escapeText(fact.label)}*\n${shownValue(fact, FIELD_CHARACTERS_MAX)}`);
}

function factLine(fact: AlertFact): string {
  return `*${escapeText(fact.label)}*: ${shownValue(fact, FIELD_CHARACTERS_MAX)}`;
}

function shownValue({ value, isData }: AlertFact, charactersMax: number): string {
  return isData ? code(value, charactersMax) : escapeText(value, charactersMax);
}

function sectionsOf(lines: readonly string[]): SlackBlock[] {
  const text = fitting(lines, SLACK_LIMITS.section).join("\n");
  return text === "" ? [] : [{ type: "section", text: mrkdwn(text) }];
}

function contextOf(parts: readonly string[]): SlackBlock {
  return { type: "context", elements: [mrkdwn(parts.join(" | "))] };
}

/** As many lines from the first on as fit together; none is cut, since that might leave its markup open. */
function fitting(lines: readonly string[], charactersMax: number): string[] {
  const kept: string[] = [];
  let characters = 0;
  for (const line of lines) {
    characters += line.length + 1;
    if (characters > charactersMax) break;
    kept.push(line);
  }
  return kept;
}

/** As many blocks from the first on as fit into a message. */
function fittingBlocks(blocks: readonly SlackBlock[]): SlackBlock[] {
  const kept: SlackBlock[] = [];
  let characters = 0;
  for (const block of blocks.slice(0, SLACK_LIMITS.blocks)) {
    characters += JSON.stringify(block).length;
    if (characters > SLACK_LIMITS.message) break;
    kept.push(block);
  }
  return kept;
}

function plain(text: string): PlainText {
  return { type: "plain_text", text, emoji: false };
}

function mrkdwn(text: string): Mrkdwn {
  return { type: "mrkdwn", text, verbatim: true };
}
