import { decodeKeys, type KeyInput, NOTHING_PENDING, settleKeys } from "./key-decoder.ts";

/** What keys come from: `process.stdin`, or a stand-in. */
export interface ViewInput {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "end" | "error", listener: () => void): unknown;
  off(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  off(event: "end" | "error", listener: () => void): unknown;
}

/** By then the rest of an escape sequence has come, over slow connections too. */
const SETTLE_MS = 100;

/** The keys of a terminal, each as it is pressed. Nothing is echoed while it is open. */
export class Keyboard {
  readonly #input: ViewInput;
  readonly #onKey: (input: KeyInput) => void;
  #state = NOTHING_PENDING;
  #timer: NodeJS.Timeout | undefined;
  #isOpen = false;
  readonly #onData = (bytes: Uint8Array) => {
    clearTimeout(this.#timer);
    this.#take(decodeKeys(this.#state, bytes));
    if (this.#state.rest.length === 0) return;
    this.#timer = setTimeout(() => this.#take(settleKeys(this.#state)), SETTLE_MS);
    this.#timer.unref();
  };
  // The terminal has gone.
  readonly #onEnd = () => this.#onKey({ type: "key", name: "interrupt" });

  constructor(input: ViewInput, onKey: (input: KeyInput) => void) {
    this.#input = input;
    this.#onKey = onKey;
  }

  /** Whether there is one: a pipe has no keys. */
  static isOn(input: ViewInput): boolean {
    return input.isTTY === true && input.setRawMode !== undefined;
  }

  open(): void {
    if (this.#isOpen || !Keyboard.isOn(this.#input)) return;
    this.#isOpen = true;
    this.#state = NOTHING_PENDING;
    this.#input.on("data", this.#onData);
    this.#input.on("end", this.#onEnd);
    this.#input.on("error", this.#onEnd);
    this.#input.setRawMode?.(true);
    this.#input.resume();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#input.off("data", this.#onData);
    this.#input.off("end", this.#onEnd);
    this.#input.off("error", this.#onEnd);
    this.#input.setRawMode?.(false);
    this.#input.pause();
  }

  #take({ inputs, state }: ReturnType<typeof decodeKeys>): void {
    this.#state = state;
    for (const input of inputs) this.#onKey(input);
  }
}
