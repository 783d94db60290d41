import type { Recording } from "./recording/recording.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import type { Message, Outlet } from "./transport/transport.ts";

/** An outlet of which everything is recorded as well. Whoever made the recording closes it. */
export class RecordedOutlet implements Outlet {
  readonly #outlet: Outlet;
  readonly #recording: Recording;

  constructor(outlet: Outlet, recording: Recording) {
    this.#outlet = outlet;
    this.#recording = recording;
  }

  get backlogBytes(): number {
    return this.#outlet.backlogBytes;
  }

  publish(messages: readonly Message[]): void {
    this.#recording.add(messages);
    this.#outlet.publish(messages);
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#outlet.close(deadlineMs);
  }

  books(): StageBooks[] {
    return [...this.#outlet.books(), this.#recording.books()];
  }
}
