import { abortable } from "./abortable.ts";

/** What a task is told of who waits for it. */
export interface Flight {
  /** Aborts when everybody who waited has given up. */
  readonly signal: AbortSignal;
  /** Whether it is still the one of its key: not forgotten, not given up. */
  isCurrent(): boolean;
}

/** Runs at most one task a key at a time, for all who ask meanwhile: they share what it gives, also its error. */
export class SharedFlights<Value> {
  readonly #flights = new Map<string, OneFlight<Value>>();

  /** Keys under way. */
  get size(): number {
    return this.#flights.size;
  }

  isUnderWay(id: string): boolean {
    return this.#flights.has(id);
  }

  /**
   * What the flight of `id` gives; one is started with `task` where there is none.
   *
   * `signal` ends the wait of this caller, with its reason; `null`: it waits in any case.
   */
  async run(
    id: string,
    signal: AbortSignal | null,
    task: (flight: Flight) => Promise<Value>,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(id) ?? this.#start(id, task);
    flight.callers++;
    try {
      return await abortable(flight.result, signal);
    } finally {
      if (--flight.callers === 0 && !flight.isOver) this.#giveUp(id, flight, signal?.reason);
    }
  }

  /** Who asks from now on starts a new flight: what is under way is out of date. Who waits for it still gets it. */
  forget(id: string): void {
    this.#flights.delete(id);
  }

  #start(id: string, task: (flight: Flight) => Promise<Value>): OneFlight<Value> {
    const flight = new OneFlight<Value>();
    this.#flights.set(id, flight);
    const isCurrent = () => this.#flights.get(id) === flight;
    flight.result = (async () => await task({ signal: flight.controller.signal, isCurrent }))().finally(
      () => {
        flight.isOver = true;
        if (isCurrent()) this.#flights.delete(id);
      },
    );
    // Each caller is told of an error; where all have given up, there is nobody to tell.
    flight.result.catch(() => {});
    return flight;
  }

  #giveUp(id: string, flight: OneFlight<Value>, reason: unknown): void {
    if (this.#flights.get(id) === flight) this.#flights.delete(id);
    flight.controller.abort(reason);
  }
}

class OneFlight<Value> {
  readonly controller = new AbortController();
  result!: Promise<Value>;
  callers = 0;
  isOver = false;
}
