/** One event of an event stream. */
export interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

/**
 * Server-sent events out of the pieces of their stream: names and data; comments, `id` and `retry` are passed over.
 *
 * Throws: RangeError where an event has more than `charactersMax`. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventDecoder {
  readonly #charactersMax: number;
  readonly #utf8 = new TextDecoder();
  /** Beginning of a line whose end has not come. */
  #rest: string[] = [];
  #restLength = 0;
  #endedInReturn = false;
  #name = "";
  #data: string[] = [];
  #dataLength = 0;

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  /** The events that are whole now. */
  push(piece: Uint8Array): StreamEvent[] {
    const lines = this.#textOf(piece).split(/\r\n|\r|\n/);
    const last = lines.pop() ?? "";
    const events: StreamEvent[] = [];
    for (const line of lines) {
      const event = this.#line(this.#rest.join("") + line);
      this.#rest = [];
      this.#restLength = 0;
      if (event !== null) events.push(event);
    }
    if (last !== "") this.#rest.push(last);
    this.#restLength += last.length;
    this.#check();
    return events;
  }

  /** Without the second half of a "\r\n" that was cut in two. */
  #textOf(piece: Uint8Array): string {
    const text = this.#utf8.decode(piece, { stream: true });
    if (text === "") return "";
    const isSecondHalf = this.#endedInReturn && text.startsWith("\n");
    this.#endedInReturn = text.endsWith("\r");
    return isSecondHalf ? text.slice(1) : text;
  }

  #line(line: string): StreamEvent | null {
    if (line === "") return this.#dispatch();
    const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") this.#name = value;
    if (field === "data") {
      this.#data.push(value);
      this.#dataLength += value.length + 1;
      this.#check();
    }
    return null;
  }

  #dispatch(): StreamEvent | null {
    const event = { name: this.#name, data: this.#data.join("\n") };
    const isWhole = this.#data.length > 0;
    this.#name = "";
    this.#data = [];
    this.#dataLength = 0;
    return isWhole ? event : null;
  }

  #check(): void {
    if (this.#restLength + this.#dataLength > this.#charactersMax) {
      throw new RangeError(`an event of more than ${this.#charactersMax} characters`);
    }
  }
}
