/** @import { Api } from "./api.js" */

/**
 * @typedef {{ readonly name: string, readonly data: string }} ServerEvent
 */

/** Far above the largest event: 50 keys of 1 KiB, or 10,000 servers. */
const TEXT_MAX = 16 * 1024 * 1024;
/** Something comes each second; after so long without, the connection is taken for dead. */
const SILENCE_MS_MAX = 6_000;

/**
 * Takes server-sent events out of text that comes in pieces.
 * Source: HTML Living Standard, 9.2.6, for streams whose lines end in `\n` or `\r\n`.
 */
export class EventReader {
  #rest = "";
  #name = "";
  /** @type {string[]} */
  #data = [];

  /**
   * @param {string} piece
   * @returns {ServerEvent[]} what it completes
   */
  read(piece) {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > TEXT_MAX) throw new RangeError("the server sent an event without an end");
    /** @type {ServerEvent[]} */
    const events = [];
    for (const line of lines) {
      const event = this.#take(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  /**
   * @param {string} line
   * @returns {ServerEvent | null}
   */
  #take(line) {
    if (line === "") {
      const event = this.#data.length > 0 ? { name: this.#name, data: this.#data.join("\n") } : null;
      this.#name = "";
      this.#data = [];
      return event;
    }
    const [, field = line, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") this.#name = value;
    if (field === "data") this.#data.push(value);
    return null;
  }
}

/**
 * Listens to the server's events until they end. `fetch` and not `EventSource`: that one cannot send a token.
 *
 * Throws: Refusal; TypeError where there is no connection; Error where it fell silent or ended.
 *
 * @param {Api} api
 * @param {string} path
 * @param {{ onOpen(): void, onEvent(event: ServerEvent): void, signal: AbortSignal }} listener
 * @returns {Promise<never>}
 */
export async function listen(api, path, { onOpen, onEvent, signal }) {
  const silence = new AbortController();
  const fallSilent = () => silence.abort(new Error("the server fell silent"));
  let timer = setTimeout(fallSilent, SILENCE_MS_MAX);
  try {
    const response = await api.open(path, AbortSignal.any([signal, silence.signal]));
    if (response.body === null) throw new Error("the server sent no events");
    onOpen();
    const reader = new EventReader();
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) throw new Error("the server ended the connection");
      clearTimeout(timer);
      timer = setTimeout(fallSilent, SILENCE_MS_MAX);
      for (const event of reader.read(value)) onEvent(event);
    }
  } finally {
    clearTimeout(timer);
    // Whatever ended it, nothing more is to come in.
    silence.abort();
  }
}
