/**
 * Runs tasks at once while they are few, else for at most `sliceMs` in each turn of the event loop, in their order.
 *
 * A loop that finds more and more sockets readable does not come back to its timers, for seconds on end; whoever has to
 * wait for an answer here sends nothing more meanwhile, so it does.
 */
export class Turnstile {
  readonly #sliceMs: number;
  #waiting: (() => void)[] = [];
  #next = 0;
  /** When the first task of this turn began; `null`: none has. */
  #turnMs: number | null = null;

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs;
  }

  /** Tasks that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  run<T>(task: () => T): T | Promise<T> {
    this.#turnMs ??= this.#beginTurn();
    if (this.waiting === 0 && this.#isOpen(this.#turnMs)) return task();
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(task());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #beginTurn(): number {
    setImmediate(() => this.#drain());
    return performance.now();
  }

  #isOpen(turnMs: number): boolean {
    return performance.now() - turnMs < this.#sliceMs;
  }

  #drain(): void {
    this.#turnMs = null;
    if (this.waiting === 0) return;
    const turnMs = this.#beginTurn();
    this.#turnMs = turnMs;
    do this.#waiting[this.#next++]?.();
    while (this.waiting > 0 && this.#isOpen(turnMs));
    if (this.waiting > 0 && this.#next < this.#waiting.length / 2) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }
}
