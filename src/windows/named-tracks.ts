import type { NamedRows } from "./named-rows.ts";

/** A key that clients read at more servers is told of at those that named it last. */
const TRACKS_PER_KEY_MAX = 16;

/** At which tracks clients named a hot key lately, so that its services are not looked for everywhere. */
export class NamedTracks {
  readonly #tracks = new Map<number, Set<number>>();

  note({ handles }: NamedRows, trackId: number): void {
    for (const handle of handles) {
      let tracks = this.#tracks.get(handle);
      if (!tracks) {
        tracks = new Set();
        this.#tracks.set(handle, tracks);
      }
      if (tracks.has(trackId)) continue;
      tracks.add(trackId);
      const [oldest] = tracks;
      if (tracks.size > TRACKS_PER_KEY_MAX && oldest !== undefined) tracks.delete(oldest);
    }
  }

  of(handle: number): ReadonlySet<number> {
    return this.#tracks.get(handle) ?? new Set();
  }

  /** The handle will stand for another key. */
  forget(handle: number): void {
    this.#tracks.delete(handle);
  }

  clear(): void {
    this.#tracks.clear();
  }
}
