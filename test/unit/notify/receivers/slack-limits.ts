import assert from "node:assert/strict";

interface Text {
  readonly type: string;
  readonly text: string;
  readonly verbatim?: boolean;
}

interface Block {
  readonly type: string;
  readonly text?: Text;
  readonly fields?: readonly Text[];
  readonly elements?: readonly Text[];
}

interface Message {
  readonly text: string;
  readonly blocks?: readonly Block[];
  readonly [option: string]: unknown;
}

/** Holds the body of a message against what Slack documents; returns it. */
export function checkSlackMessage(body: string): Message {
  const message: Message = JSON.parse(body);
  const { text, blocks = [] } = message;
  assert.ok(text.length > 0 && text.length <= 3500, "a fallback text");
  assert.deepEqual(
    [message.unfurl_links, message.unfurl_media, message.link_names, message.parse],
    [false, false, false, "none"],
  );
  assert.ok(blocks.length <= 50, `${blocks.length} blocks`);
  for (const block of blocks) checkBlock(block);
  assert.ok(JSON.stringify(blocks).length <= 13_000, `${JSON.stringify(blocks).length} characters in all`);
  for (const shown of [{ type: "mrkdwn", text }, ...blocks.flatMap(textsOf)]) checkInert(shown);
  return message;
}

function textsOf({ text, fields = [], elements = [] }: Block): Text[] {
  return [...(text ? [text] : []), ...fields, ...elements];
}

function checkBlock(block: Block): void {
  const { type, text, fields } = block;
  assert.ok(["header", "section", "context"].includes(type), type);
  if (type === "header")
    assert.ok(text !== undefined && text.type === "plain_text" && text.text.length <= 150);
  if (type === "section") {
    assert.ok(text !== undefined || fields !== undefined);
    assert.ok(text === undefined || text.text.length <= 3000);
    assert.ok(fields === undefined || (fields.length >= 1 && fields.length <= 10));
    assert.ok((fields ?? []).every((field) => field.text.length <= 2000));
  }
  for (const shown of textsOf(block)) {
    assert.ok(shown.text.length >= 1);
    assert.ok(shown.type === "plain_text" || shown.verbatim === true, "names in it become mentions");
  }
}

/** Angle brackets are our own links alone; what came from elsewhere has no character that cannot be seen. */
function checkInert({ type, text }: Text): void {
  assert.doesNotMatch(text, /[^\P{C}\n\p{Cn}]/u, JSON.stringify(text));
  assert.doesNotMatch(text.replaceAll("\n", ""), /[\u2028\u2029\u3164\u00a0\u2800\ufeff]/u);
  assert.ok(text.isWellFormed());
  const withoutLinks = text.replaceAll(/<https:\/\/keyheat\.example\/[^\s<>|]*\|[^<>|]*>/g, "");
  assert.doesNotMatch(withoutLinks, /[<>]/, JSON.stringify(text));
  assert.doesNotMatch(withoutLinks, /&(?!amp;|lt;|gt;)/);
  if (type === "plain_text") return;
  // Each line closes what it opens.
  for (const line of text.split("\n")) assert.equal(line.split("`").length % 2, 1, line);
  const outsideCode = withoutLinks.replaceAll(/`[^`\n]*`/g, "");
  assert.doesNotMatch(outsideCode, /@(here|channel|everyone)|#general|evil\.example/);
}
