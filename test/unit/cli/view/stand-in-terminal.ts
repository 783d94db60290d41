import { EventEmitter } from "node:events";

/** What a terminal is to the view: text goes in, and the size can change. */
export class StandInTerminal extends EventEmitter {
  readonly isTTY = true;
  columns = 80;
  rows = 24;
  written = "";

  write(text: string): boolean {
    this.written += text;
    return true;
  }

  /** What was written since it was last asked for. */
  take(): string {
    const text = this.written;
    this.written = "";
    return text;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emit("resize");
  }
}

/** The keyboard of a terminal. */
export class StandInKeyboard extends EventEmitter {
  readonly isTTY: boolean;
  isRaw = false;
  isPaused = true;

  constructor({ isTTY = true } = {}) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }

  resume(): void {
    this.isPaused = false;
  }

  pause(): void {
    this.isPaused = true;
  }

  press(keys: string): void {
    this.emit("data", Buffer.from(keys));
  }
}
