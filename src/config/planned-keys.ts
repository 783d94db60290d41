/** Keys of the documented config that come with a later version: they deserve more than "unknown key". */
const PLANNED_KEYS = new Set(["sources.traces", "sources.capture", "sources.monitor", "sources.hotkeys"]);

/** Whether the key at `path` (`rules[0].match.service`) is planned but not there yet. */
export function isPlannedKey(path: string): boolean {
  return PLANNED_KEYS.has(path.replace(/\[\d+\]/g, "[]"));
}
