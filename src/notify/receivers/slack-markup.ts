const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/**
 * Text for Slack's markup, of at most `charactersMax` characters with what escapes add: mentions and links begin with
 * `<`, so none is left in it.
 *
 * Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
export function escapeText(text: string, charactersMax = Number.POSITIVE_INFINITY): string {
  const pieces = Array.from(text, (character) => ENTITIES[character] ?? character);
  const whole = pieces.join("");
  if (whole.length <= charactersMax) return whole;
  let head = "";
  for (const piece of pieces) {
    if (head.length + piece.length >= charactersMax) break;
    head += piece;
  }
  return `${head}…`;
}

/** Text shown as it is: between backticks, of which it can have none itself. */
export function code(text: string, charactersMax = Number.POSITIVE_INFINITY): string {
  return `\`${escapeText(text.replaceAll("`", "'"), charactersMax - 2)}\``;
}

/** A link that shows `text`. */
export function link(url: string, text: string): string {
  return `<${escapeText(url.replaceAll("|", "%7C"))}|${escapeText(text.replaceAll("|", "/"))}>`;
}
