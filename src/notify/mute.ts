import type { Incident, MuteReason } from "../model/incident.ts";

/** A stage that keeps firings from being told. What is over is told all the same. */
export interface Mute {
  /** Why `receiver` (`null`: anybody) is not to be told now that an incident fires; `null`: tell. */
  muted(incident: Incident, receiver: string | null): MuteReason | null;
}
